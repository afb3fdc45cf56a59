from streams.fold.order cimport erases, identity_of, order_of
from streams.fold.steps cimport step
from streams.timers.standing cimport standing
from schemas.records cimport MetricFact
from streams.fold.events cimport LogEvent
from streams.fold.measure cimport Measure
from streams.fold.state cimport FoldState
from streams.partition.head cimport Change, Head
from streams.sla.policies cimport PolicyBook
from streams.timers.watch cimport Watch
cimport cython


cdef class Conversation:
    cdef public str key
    cdef public Head head
    cdef public Watch watch
    cdef public object stood
    cdef object _archive
    cdef Measure _measure
    cdef Py_ssize_t _prefix

    cpdef bint knows(self, LogEvent event) except -1
    @cython.locals(last=tuple)
    cpdef bint is_in_order(self, LogEvent event) except -1
    @cython.locals(head=Head)
    cpdef list apply(self, LogEvent event, bint in_order, seen_ms=*)
    @cython.locals(head=Head)
    cpdef list judge(self, as_of_ms)
    @cython.locals(head=Head, measure=Measure, watch=Watch, state=FoldState, made=list, changes=list, was_due=bint)
    cdef list _append(self, LogEvent event, seen_ms)
    @cython.locals(fact=MetricFact)
    cdef list _changes(self, list made, dict before, dict after)
    cdef list _refold(self, LogEvent event, seen_ms)
    @cython.locals(head=Head, watch=Watch)
    cdef list _hold_to(self, list events, dict old, dict before, set gone, seen_ms)
    @cython.locals(head=Head, watch=Watch, change=Change, fact=MetricFact, metric=str)
    cdef _alert(self, list changes, set backfilled, seen_ms)
    cdef _remember(self, LogEvent event)
    @cython.locals(head=Head)
    cdef list _erase(self, LogEvent event, seen_ms, bint in_order)
    @cython.locals(measure=Measure)
    cdef tuple _fold(self, list events, set backfilled=*)
    @cython.locals(measure=Measure, fact=MetricFact)
    cdef dict _open_breaches(self, as_of_ms)
    @cython.locals(fact=MetricFact)
    cdef bint _may_revise_any(self, list made, dict before) except -1
    @cython.locals(head=Head)
    cdef bint _may_revise(self, MetricFact fact) except -1
    cdef bint _may_share_slot(self, MetricFact fact) except -1
    cdef bint _may_hold(self, str text) except -1
    @cython.locals(fact=MetricFact)
    cdef list _compare(self, dict old, dict new)
    cdef MetricFact _next_version(self, MetricFact known, MetricFact fact, bint retracted)
    cdef str _slot(self, MetricFact fact)
    cdef str _suffix(self, MetricFact fact)
