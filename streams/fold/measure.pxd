from streams.fold.clocks cimport resolution_deadline, response_deadline, response_target
from schemas.records cimport Call, MetricFact, Survey
from streams.fold.events cimport LogEvent
from streams.fold.state cimport Episode, FoldState, Pause, Turn
from streams.sla.calendars cimport Calendar
from streams.sla.policies cimport PolicyBook
from streams.sla.policy cimport Policy
cimport cython


cdef class Measure:
    cdef public bint answered_again
    cdef public set backfilled
    cdef public PolicyBook book
    cdef public str conversation_id
    cdef public list facts
    cdef public int moved
    cdef public FoldState state
    cdef public str tenant

    cpdef response(self, Episode episode, Turn turn, LogEvent reply)
    cpdef first_response_any(self, Episode episode, Turn turn, LogEvent reply, outcome)
    cpdef response_clock_stopped(self, Episode episode, Turn turn, at_ms)
    cpdef end(self, Episode episode, LogEvent ending)
    cpdef resolution_clock_cancelled(self, Episode episode, at_ms)
    cpdef reopen(self, Episode episode, LogEvent event)
    cpdef transfer(self, Episode episode, LogEvent event, outcome)
    @cython.locals(call=Call)
    cpdef call(self, LogEvent event)
    @cython.locals(state=FoldState)
    cpdef survey(self, LogEvent event, Survey survey, slot, episode)
    @cython.locals(episode=Episode, turn=Turn)
    cpdef open_breaches(self, as_of_ms)
    cdef _full_resolution(self, Episode episode, at_ms, outcome, agent_id)
    cdef _at_end(
        self, Episode episode, metric, at_ms, value_ms, outcome, agent_id, business_ms=*, slot=*
    )
    @cython.locals(policy=Policy)
    cdef _response_sla(self, Episode episode, Turn turn, at_ms, outcome)
    cdef _response_clock(self, Episode episode, Turn turn, at_ms, outcome, deadline)
    @cython.locals(policy=Policy)
    cdef _resolution_sla(self, Episode episode, at_ms, outcome)
    cdef _resolution_clock(self, Episode episode, at_ms, outcome, deadline)
    @cython.locals(pause=Pause)
    cdef tuple _paused(self, Episode episode, at_ms)
    @cython.locals(rules=Policy, calendar=Calendar)
    cdef _business_ms(self, policy, start_ms, end_ms)
    @cython.locals(state=FoldState)
    cdef _add(
        self, metric, episode, slot, channel, started_at, ended_at, value_ms, outcome, agent_id,
        business_ms=*, judged_by=*
    )
    @cython.locals(state=FoldState, book=PolicyBook, rules=Policy)
    cdef _judged(self, metric, episode, slot, channel, policy, started_at, ended_at, outcome, deadline)
    cdef str _fact_id(self, long episode, str slot, str metric)
