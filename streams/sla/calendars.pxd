cimport cython


cdef class _Year:
    cdef public long long number
    cdef public long long low_ms
    cdef public long long high_ms
    cdef public list starts
    cdef public list ends
    cdef public list before_ms
    cdef public long long total_ms
    cdef long long _from_ms
    cdef long long _to_ms
    cdef long long _start_ms
    cdef long long _end_ms
    cdef long long _before_ms

    @cython.locals(index=Py_ssize_t)
    cdef _look_at(self, long long at_ms)
    cpdef long long open_until(self, long long at_ms) except? -1
    @cython.locals(index=Py_ssize_t)
    cpdef long long instant_of(self, long long spent_ms) except? -1


cdef class Calendar:
    cdef public str timezone
    cdef public dict hours
    cdef public frozenset holidays
    cdef public object holidays_of
    cdef object _zone
    cdef dict _years
    cdef _Year _latest

    @cython.locals(first=_Year, last=_Year, spent="long long", number="long long")
    cpdef long long open_ms(self, long long start_ms, long long end_ms) except? -1
    @cython.locals(year=_Year, remaining="long long")
    cpdef add(self, long long start_ms, long long open_ms)
    @cython.locals(year=_Year)
    cdef _Year _year_at(self, long long at_ms)
    @cython.locals(year=_Year)
    cdef _Year _year(self, long long number)
