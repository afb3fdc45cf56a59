cdef class Pile:
    cdef object _new_batch
    cdef Py_ssize_t _batch_bytes
    cdef object _native
    cdef list _batches
    cdef object _append
    cdef Py_ssize_t _count

    cpdef append(self, bytes key, bytes value, timestamp_ms)
    cdef _begin(self)
    cdef _settle(self)
