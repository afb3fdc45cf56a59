from streams.fold.events cimport LogEvent


cpdef tuple identity_of(LogEvent event)
cpdef tuple order_of(LogEvent event)
cpdef bint erases(LogEvent event) except -1
