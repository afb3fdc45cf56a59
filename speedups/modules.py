"""Which modules are compiled, and which records they know by heart: here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping

#: Names of modules below `connectors`, `schemas` or `streams`. The source of each is the `.py` beside the others, with
#: its types in a `.pxd` of the same name if it has one, or a `.pyx`, which is there only when compiled.
MODULES: tuple[str, ...] = (
    "schemas.codegen.native_reader",
    "schemas.codegen.native_writer",
    "streams.fold.clocks",
    "streams.fold.conversation",
    "streams.fold.measure",
    "streams.fold.order",
    "streams.fold.steps",
    "streams.partition.chunk",
    "streams.partition.conversation",
    "streams.partition.draft",
    "streams.partition.packing",
    "streams.sla.calendars",
    "streams.sla.policies",
    "streams.timers.clocks",
    "streams.timers.standing",
    "streams.timers.watch",
    "streams.windows.deltas",
    "streams.worker.native_batch",
    "streams.worker.outputs",
    "streams.worker.pile",
)

#: Module, which is not compiled itself → the classes of it whose fields compiled code reads where they lie in memory.
#: A `.pxd` can `cimport` them from there: `speedups.layouts` writes what that takes.
RECORDS: Mapping[str, tuple[str, ...]] = {
    "schemas.records": ("Call", "MetricFact", "Survey"),
    "streams.fold.events": ("LogEvent",),
    "streams.fold.state": ("Episode", "FoldState", "Pause", "Turn"),
    "streams.partition.head": ("Change", "Head"),
    "streams.sla.policy": ("Policy", "PolicyVersion"),
    "streams.timers.kept": ("Dues", "Raised", "Timers"),
}
