from streams.fold.measure cimport Measure
from streams.fold.state cimport FoldState
from streams.fold.steps cimport step
