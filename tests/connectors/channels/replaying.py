"""What single deliveries say, by the whole way of a signed request."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connectors.channels.base import Parsed, receive
from schemas.records import InteractionEvent, MetricFact
from schemas.times import EpochMs
from tests.connectors.channels.case import SECRET, Sample, VendorCase
from tests.connectors.channels.folding import facts_of


def told(case: VendorCase, sample: Sample) -> Parsed:
    """What a sample says."""
    parsed = receive(case.connector, case.sign(sample, SECRET), case.source())
    assert isinstance(parsed, Parsed)
    return parsed


def encoded(body: Any) -> bytes:
    """A body as it is sent."""
    return json.dumps(body).encode()


def only(case: VendorCase, body: Any, headers: Mapping[str, str] | None = None) -> InteractionEvent:
    """The one event of a body."""
    parsed = told(case, Sample("one", encoded(body), headers=headers or {}))
    (found,) = parsed.events
    return found


def named(case: VendorCase, name: str) -> Sample:
    """A sample of the case, by its name."""
    return next(each for each in case.samples if each.name == name)


def values(found: Iterable[MetricFact]) -> Mapping[str, EpochMs | None]:
    """`{metric: value_ms}` of the facts; the last one where a metric has several."""
    return {fact.metric: fact.value_ms for fact in found}


def steadfast(case: VendorCase, samples: Sequence[Sample]) -> list[MetricFact]:
    """The facts of samples, the same in any order and doubled."""
    return facts_of(case, samples)
