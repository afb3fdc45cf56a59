"""Samples through a connector and the fold: the facts they come to."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from schemas.records import MetricFact
from schemas.times import EpochMs
from streams.replay import Replay
from streams.sla.policies import PolicyBook
from tests.connectors.channels.case import SECRET, Sample, VendorCase


def facts_of(case: VendorCase, samples: Sequence[Sample], as_of_ms: EpochMs | None = None) -> list[MetricFact]:
    """The facts of samples, which come out the same backwards and with every delivery doubled."""
    forwards = _fold(case, samples, as_of_ms)
    assert _fold(case, list(reversed(samples)), as_of_ms) == forwards
    doubled = list(itertools.chain.from_iterable((each, each) for each in samples))
    assert _fold(case, doubled, as_of_ms) == forwards
    return forwards


def _fold(case: VendorCase, samples: Sequence[Sample], as_of_ms: EpochMs | None) -> list[MetricFact]:
    replay = Replay()
    for sample in samples:
        for event in case.connector.parse(case.sign(sample, SECRET), case.source()).events:
            replay.add(event)
    return replay.facts(PolicyBook(()), as_of_ms)
