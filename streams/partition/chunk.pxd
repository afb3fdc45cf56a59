from streams.fold.events cimport LogEvent
from streams.partition.conversation cimport Conversation
from streams.partition.draft cimport Draft
from streams.partition.head cimport Change
cimport cython


cdef class _Folding:
    cdef Draft draft
    cdef object outcome
    cdef object origin
    cdef object now_ms
    cdef long long through
    cdef object edition
    cdef list made
    cdef long long accepted
    cdef long long late
    cdef long long duplicates

    @cython.locals(conversation=Conversation, event=LogEvent, change=Change, in_order=bint)
    cdef take(self, record, found)
    cdef _take_other(self, record, refused)
    cdef end(self)


@cython.locals(folding=_Folding, block=list)
cpdef process(store, records, origin, now_ms, emit=*)
cdef list _read_all(list block)
cdef _take_alerts(outcome, Conversation conversation, timestamp_ms)
