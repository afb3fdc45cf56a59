"""Deliveries that come twice, later or in any order tell the same, for every channel."""

from __future__ import annotations

import dataclasses
import random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.channels.base import Delivery, Parsed, Reply, receive
from schemas.records import InteractionEvent, MetricFact
from streams.replay import Replay
from streams.sla.policies import PolicyBook
from tests.connectors.channels.case import SECRET, VendorCase, cases

ALL = cases()
each = pytest.mark.parametrize("case", ALL, ids=lambda case: case.connector.vendor)
_RETRY_MS = 60_000


def said(case: VendorCase, delivery: Delivery) -> list[InteractionEvent]:
    found = receive(case.connector, delivery, case.source())
    assert not isinstance(found, Reply)
    assert isinstance(found, Parsed)
    return found.events


def facts(events: list[InteractionEvent]) -> list[MetricFact]:
    history = Replay()
    for event in events:
        history.add(event)
    found = history.facts(PolicyBook(), max(event.occurred_at for event in events))
    return [msgspec.structs.replace(fact, revision=1) for fact in found]


@each
def test_every_sample_says_what_it_says_it_does(case: VendorCase) -> None:
    for sample in case.samples:
        found = receive(case.connector, case.sign(sample, SECRET), case.source())
        if isinstance(found, Parsed):
            outcome = tuple(event.type for event in found.events), tuple(found.ignored), len(found.parked)
            assert outcome == (sample.types, sample.ignored, sample.parked), sample.name


@each
def test_a_retry_has_the_same_ids(case: VendorCase) -> None:
    for sample in case.samples:
        delivery = case.sign(sample, SECRET)
        retried = dataclasses.replace(delivery, received_at=delivery.received_at + _RETRY_MS)
        first, second = said(case, delivery), said(case, retried)
        assert [event.event_id for event in first] == [event.event_id for event in second], sample.name
        # What one delivery says twice it says in the same words.
        content = {msgspec.json.encode(event) for event in first}
        assert len({event.event_id for event in first}) == len(content), sample.name


@each
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_any_order_with_any_repeats_gives_the_same_facts(case: VendorCase, seed: int) -> None:
    deliveries = [case.sign(sample, SECRET) for sample in case.samples]
    in_order = [event for delivery in deliveries for event in said(case, delivery)]
    chance = random.Random(seed)
    shuffled = deliveries + chance.choices(deliveries, k=3)
    chance.shuffle(shuffled)
    assert facts([event for delivery in shuffled for event in said(case, delivery)]) == facts(in_order)
