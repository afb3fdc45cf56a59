"""Deliveries through a connector and the fold: what they come to, in any order and doubled."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

from connectors.channels.base import Parsed, receive
from schemas.records import InteractionEvent, MetricFact
from schemas.times import EpochMs
from streams.replay import Replay
from streams.sla.policies import PolicyBook
from tests.connectors.channels.case import SECRET, Sample, VendorCase


def told(case: VendorCase, sample: Sample) -> Parsed:
    """What a sample says, by the whole way of a signed delivery."""
    parsed = receive(case.connector, case.sign(sample, SECRET), case.source())
    assert isinstance(parsed, Parsed)
    return parsed


def events(case: VendorCase, samples: Iterable[Sample]) -> list[InteractionEvent]:
    """The events of several."""
    return [event for sample in samples for event in told(case, sample).events]


def named(case: VendorCase, name: str) -> Sample:
    """A sample of the case, by its name."""
    return next(each for each in case.samples if each.name == name)


def facts(found: Iterable[InteractionEvent]) -> list[MetricFact]:
    """The facts that the events come to."""
    replay = Replay()
    for event in found:
        replay.add(event)
    return replay.facts(PolicyBook())


def values(found: Iterable[MetricFact]) -> Mapping[str, EpochMs | None]:
    """`{metric: value_ms}` of the facts; the last one where a metric has several."""
    return {fact.metric: fact.value_ms for fact in found}


def steadfast(case: VendorCase, samples: Iterable[Sample]) -> list[MetricFact]:
    """The facts of the samples, after a look whether doubled and shuffled deliveries come to the same."""
    once = events(case, samples)
    expected = facts(once)
    shuffled = [*once, *once]
    for seed in range(5):
        random.Random(seed).shuffle(shuffled)
        assert facts(shuffled) == expected
    return expected
