"""`schemas.checks` over many events at once. What is not allowed here the plain check names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from schemas import times
from schemas.checks import MAX_CALL_SECONDS, NEEDED
from schemas.columnar.arrays import Mask, Values


def sound_events(fields: Mapping[str, Any]) -> Mask:
    """Which of these events `check_event` allows; the lengths of their names were looked at when they were read."""
    sound = instants(fields["occurred_at"].values) & instants(fields["ingested_at"].values)
    for name in ("event_id", "tenant", "source", "conversation_id"):
        sound &= fields[name].sizes > 0
    kinds = fields["type"]
    for kind, needed in NEEDED.items():
        sound &= (kinds.codes != kinds.symbols.index(kind)) | ~fields[needed].null
    for part in ("score", "min", "max"):
        sound &= np.isfinite(fields[f"survey.{part}"].values)
    for part in ("talk_seconds", "hold_seconds", "wrap_seconds"):
        sound &= within(fields[f"call.{part}"].values, 0, MAX_CALL_SECONDS)
    return sound


def instants(at_ms: Values) -> Mask:
    """Which are instants the pipeline works with; the 0 of one that is absent is."""
    return within(at_ms, times.MIN_MS, times.MAX_MS)


def within(values: Values, lowest: float, highest: float) -> Mask:
    """Which lie between the two, or are one of them."""
    inside: Mask = (values >= lowest) & (values <= highest)
    return inside
