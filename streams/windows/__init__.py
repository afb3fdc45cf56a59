"""Rolling windows of every metric with a value: facts → deltas → running aggregates → `MetricWindow` records.

`deltas` turns changed facts into columnar batches, `book` applies them and says what the windows hold, `batch` computes
the same windows from a plain list of facts and is what the book is held to.
"""
