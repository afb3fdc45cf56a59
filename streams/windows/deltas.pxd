from schemas.records cimport MetricFact
cimport cython


cdef class _Pending:
    cdef public dict kinds
    cdef public dict profiles
    cdef public list kind
    cdef public list profile
    cdef public list marks
    cdef public list ended_at
    cdef public list value_ms
    cdef object channel
    cdef object team
    cdef object agent
    cdef object priority
    cdef object number

    cdef profile_of(self, MetricFact fact)


cdef class DeltaBuilder:
    cdef object _epoch
    cdef object _source_partition
    cdef dict _tenants

    cpdef replace(self, MetricFact old, MetricFact new, source_offset)
    @cython.locals(pending=_Pending)
    cdef _add(self, MetricFact fact, mark)
    cdef bytes _encode(self, tenant, _Pending pending)


cdef bint _alike(MetricFact old, MetricFact new) except -1
cdef _number(dict keys, tuple key)
