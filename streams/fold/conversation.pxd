from streams.fold.order cimport erases, order_of
from streams.fold.measure cimport Measure
from streams.fold.state cimport FoldState
from streams.fold.steps cimport step
