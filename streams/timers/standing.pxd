from streams.fold.state cimport Episode, FoldState, Turn
cimport cython


@cython.locals(episode=Episode, turn=Turn)
cpdef standing(tenant, FoldState state, dict raised)
