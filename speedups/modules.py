"""Which modules are compiled: here and nowhere else."""

from __future__ import annotations

#: Names of modules below `connectors`, `schemas` or `streams`. The source of each is the `.py` beside the others, with
#: its types in a `.pxd` of the same name if it has one, or a `.pyx`, which is there only when compiled.
MODULES: tuple[str, ...] = (
    "streams.fold.clocks",
    "streams.sla.calendars",
)
