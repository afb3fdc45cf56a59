"""Events for benchmarks: simulated support traffic of a day, and many clones of a few conversations."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path

import msgspec

import connectors.simulator
from bench.brokers import Loaded, partition_of
from connectors.simulator.profiles import SimulationConfig
from connectors.simulator.simulation import Simulation
from schemas import wire
from schemas.errors import SupportpulseError
from schemas.records import InteractionEvent
from schemas.times import EpochMs
from schemas.topics import record_key
from streams.fold.conversation import fold
from streams.fold.events import remember
from streams.sla.policies import PolicyBook

#: What suits the simulated tenants.
POLICIES = Path(connectors.simulator.__file__).with_name("policies.yaml")
DAY_MS = 86_400_000
#: A Monday. The same events every time: what is measured is not the weather.
BEGIN_MS: EpochMs = 1_772_409_600_000  # 2026-03-02T00:00:00Z
#: Arrivals of that Monday, per conversation of an average day.
_ARRIVALS_PER_CONVERSATION = 6.6
CLONED_EVENTS = 6
_CLONED = "clone-0000000000"


def simulated(events: int, begin_ms: EpochMs = BEGIN_MS, seed: int = 1) -> Iterator[Loaded]:
    """As many events, in the order in which they arrive on the day that begins with `begin_ms`, or nearly."""
    config = SimulationConfig(seed=seed, conversations_per_day=max(50.0, events / _ARRIVALS_PER_CONVERSATION))
    arrivals = Simulation(config).history(begin_ms, begin_ms + 365 * DAY_MS)
    # The simulation's ids are the same whatever the seed.
    return (
        record_of(msgspec.structs.replace(event, conversation_id=f"{seed}-{event.conversation_id}"), at_ms)
        for at_ms, event in islice(arrivals, events)
    )


def record_of(event: InteractionEvent, at_ms: EpochMs) -> Loaded:
    """An event as it lies in the topic, having arrived at `at_ms`."""
    key = record_key(event.tenant, event.conversation_id)
    return Loaded(partition_of(key), key, wire.encode_event(msgspec.structs.replace(event, ingested_at=at_ms)), at_ms)


def clones(conversations: int, begin_ms: EpochMs = BEGIN_MS, first: int = 0) -> Iterator[Loaded]:
    """`CLONED_EVENTS` events each of open conversations with ids of their own, one conversation after the other.

    `first` numbers the first one: others are other conversations.
    """
    templates = _templates(begin_ms)
    for number in range(first, first + conversations):
        name = f"clone-{number:010d}".encode()
        template = templates[number % len(templates)]
        partition = -1
        for record in template:
            key = record.key.replace(_CLONED.encode(), name)
            if partition < 0:
                partition = partition_of(key)
            yield Loaded(partition, key, record.value.replace(_CLONED.encode(), name), record.arrived_ms)


@cache
def _templates(begin_ms: EpochMs, wanted: int = 200) -> tuple[tuple[Loaded, ...], ...]:
    """The first events of simulated conversations that are open after them, under a name that can be replaced."""
    config = SimulationConfig(seed=7, conversations_per_day=4_000, duplicate_share=0.0, late_share=0.0)
    by_conversation: dict[tuple[str, str], list[tuple[EpochMs, InteractionEvent]]] = {}
    for at_ms, event in Simulation(config).history(begin_ms, begin_ms + DAY_MS):
        by_conversation.setdefault((event.tenant, event.conversation_id), []).append((at_ms, event))
    found = []
    for arrivals in by_conversation.values():
        first = arrivals[:CLONED_EVENTS]
        if len(first) == CLONED_EVENTS and _is_open([event for _, event in first]):
            found.append(
                tuple(record_of(_renamed(event, number), at_ms) for number, (at_ms, event) in enumerate(first))
            )
        if len(found) == wanted:
            return tuple(found)
    raise SupportpulseError(f"the simulation has only {len(found)} conversations to clone: simulate more")


def _is_open(events: list[InteractionEvent]) -> bool:
    first = events[0]
    state, _ = fold(first.tenant, first.conversation_id, [remember(event) for event in events], PolicyBook())
    return state.episode is not None and not state.merged


def _renamed(event: InteractionEvent, number: int) -> InteractionEvent:
    return msgspec.structs.replace(event, conversation_id=_CLONED, event_id=f"{_CLONED}-{number}")
