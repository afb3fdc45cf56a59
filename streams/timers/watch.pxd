from streams.timers.clocks cimport first_episode_due, first_turn_due
from streams.fold.state cimport Episode, FoldState, Turn
from streams.sla.policies cimport PolicyBook
from streams.timers.kept cimport Timers
cimport cython


cdef class Watch:
    cdef tuple _name
    cdef PolicyBook _book
    cdef Timers _timers
    cdef object _turn_queued
    cdef object _episode_queued
    cdef object _alerts
    cdef public list clocks

    cpdef raise_until(self, FoldState state, until_ms)
    @cython.locals(timers=Timers, episode=Episode, turn=Turn)
    cpdef follow(self, FoldState state, judged_ms, int moved, seen_ms)
    @cython.locals(timers=Timers, episode=Episode)
    cpdef plan(self, FoldState state, judged_ms, seen_ms)


cdef _earlier(one, other)
