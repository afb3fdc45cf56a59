from streams.sla.policies cimport deadline, running_ms
from streams.fold.state cimport Episode, Pause, Turn
from streams.sla.policies cimport PolicyBook
from streams.sla.policy cimport Policy
cimport cython


cpdef str response_target(Turn turn)
@cython.locals(policy=Policy)
cpdef response_deadline(Turn turn, PolicyBook book)
@cython.locals(policy=Policy, run=tuple)
cpdef resolution_deadline(Episode episode, PolicyBook book)
@cython.locals(pause=Pause)
cpdef tuple resolution_run(Episode episode, Policy policy, target_ms)
