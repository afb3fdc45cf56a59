from schemas.records cimport MetricFact
from streams.partition.head cimport Change
from streams.windows.deltas cimport DeltaBuilder
from streams.worker.pile cimport Pile
cimport cython


cdef class Outputs:
    cdef public dict facts
    cdef object _outbox
    cdef object _topics
    cdef object _tp
    cdef Pile _pile
    cdef list _scattered
    cdef bint _beside
    cdef DeltaBuilder _deltas
    cdef object _tenant
    cdef object _conversation_id
    cdef bytes _key
    cdef object _latest_ms

    @cython.locals(fact=MetricFact)
    cpdef emit(self, offset, timestamp_ms, Change change)
