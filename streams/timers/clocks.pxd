from streams.fold.clocks cimport resolution_run, response_target
from streams.sla.policies cimport deadline
from streams.fold.state cimport Episode, FoldState, Turn
from streams.sla.policies cimport PolicyBook
from streams.sla.policy cimport Policy
cimport cython


@cython.locals(policy=Policy)
cpdef first_turn_due(Turn turn, PolicyBook book, seen_ms)
@cython.locals(policy=Policy)
cpdef first_episode_due(Episode episode, PolicyBook book, seen_ms)
@cython.locals(policy=Policy)
cdef tuple _response(Turn turn, PolicyBook book)
@cython.locals(policy=Policy)
cdef tuple _resolution(Episode episode, PolicyBook book)
cdef _after_rest(deadline_ms, seen_ms)
cdef _first_budget_ms(Policy policy, left_ms, target_ms)
