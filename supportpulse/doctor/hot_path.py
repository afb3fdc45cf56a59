"""Whether the hot path of this installation is compiled."""

from __future__ import annotations

import speedups
from supportpulse.doctor.findings import Finding, ok, warning

_CHECK = "hot path"


def examine(now: speedups.State) -> Finding:
    """Plain Python gives the same numbers, but a worker gets through fewer events."""
    if now.compiled:
        return ok(_CHECK, f"{now}")
    return warning(_CHECK, f"runs as plain Python, which is slower: {now.why}", now.remedy)
