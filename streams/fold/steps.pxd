from schemas.records cimport Survey
from streams.fold.events cimport LogEvent
from streams.fold.measure cimport Measure
from streams.fold.state cimport Episode, FoldState, Pause, Turn
cimport cython


@cython.locals(state=FoldState)
cpdef step(Measure measure, LogEvent event)
cpdef bint is_paused(Episode episode) except -1

cdef Pause _last_pause(Episode episode)
cdef _message(Measure measure, LogEvent event)
cdef _conversation_started(Measure measure, LogEvent event)
cdef _call_answered(Measure measure, LogEvent event)
@cython.locals(episode=Episode, turn=Turn)
cdef _contact(Measure measure, LogEvent event)
@cython.locals(episode=Episode, turn=Turn)
cdef _human_reply(Measure measure, LogEvent event)
@cython.locals(episode=Episode, turn=Turn)
cdef _bot_reply(Measure measure, LogEvent event)
cdef _anyone(Measure measure, Episode episode, Turn turn, LogEvent reply)
@cython.locals(episode=Episode, turn=Turn)
cdef _handoff(Measure measure, LogEvent event)
cdef _human_takes_over(Measure measure, Episode episode, LogEvent event)
@cython.locals(state=FoldState, episode=Episode, changed_agent=bint, changed_team=bint)
cdef _assigned(Measure measure, LogEvent event, previous_team)
@cython.locals(state=FoldState, episode=Episode)
cdef _status_changed(Measure measure, LogEvent event)
@cython.locals(state=FoldState, survey=Survey)
cdef _survey_answered(Measure measure, LogEvent event)
@cython.locals(state=FoldState, episode=Episode)
cdef _merged(Measure measure, LogEvent event)
@cython.locals(state=FoldState)
cdef Episode _episode_unless_done(Measure measure, LogEvent event)
@cython.locals(state=FoldState, episode=Episode)
cdef Episode _begin(Measure measure, LogEvent event)
@cython.locals(state=FoldState, turn=Turn)
cdef _end(Measure measure, Episode episode, LogEvent event)
@cython.locals(turn=Turn)
cdef Turn _open_turn(Measure measure, Episode episode, LogEvent event)
cdef _start_clock(Measure measure, Turn turn, LogEvent event)
@cython.locals(state=FoldState)
cdef _policy(Measure measure, LogEvent event)
cdef _resume(Measure measure, Episode episode, at_ms)
@cython.locals(assigned=dict)
cdef _count_assigned(Episode episode, assignee, at_ms)
