from schemas.records cimport MetricFact
from streams.partition.head cimport Change
from streams.windows.deltas cimport DeltaBuilder
cimport cython


cdef class Outputs:
    cdef public dict facts
    cdef object _outbox
    cdef object _topics
    cdef object _tp
    cdef object _pile
    cdef list _scattered
    cdef object _append
    cdef DeltaBuilder _deltas
    cdef tuple _conversation
    cdef bytes _key
    cdef object _latest_ms

    @cython.locals(fact=MetricFact)
    cpdef emit(self, offset, timestamp_ms, Change change)
