from streams.sla.calendars cimport Calendar
from streams.sla.policy cimport Policy
cimport cython


cdef class PolicyBook:
    cdef public tuple versions
    cdef list _since
    cdef public list version_names
    cdef list _policies
    cdef list _members
    cdef readonly dict _remembered

    cpdef match(self, at_ms, subject)
    cdef _first(self, version, subject)


@cython.locals(calendar=Calendar)
cpdef deadline(Policy policy, start_ms, budget_ms)
@cython.locals(calendar=Calendar)
cpdef running_ms(Policy policy, start_ms, end_ms)
