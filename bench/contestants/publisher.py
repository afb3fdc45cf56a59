"""Live traffic at a steady pace: simulated events that happen at the moment at which they are published."""

from __future__ import annotations

import time
from itertools import islice

import msgspec

from bench.contestants.meter import Job, Meter, job
from bench.traffic import BEGIN_MS, DAY_MS
from connectors.producer import EventPublisher, PublisherSettings
from connectors.simulator.profiles import SimulationConfig
from connectors.simulator.simulation import Simulation
from schemas import times
from schemas.records import InteractionEvent

_TICK_SECONDS = 0.01


def events_for(count: int) -> list[InteractionEvent]:
    """As many events, in the order in which they arrive."""
    config = SimulationConfig(seed=3, conversations_per_day=max(200.0, float(count)))
    return [arrival.event for arrival in islice(Simulation(config).history(BEGIN_MS, BEGIN_MS + 365 * DAY_MS), count)]


def run(given: Job) -> None:
    """Publish at the pace, whatever happens at the other end."""
    events = iter(events_for(int(given.per_second * given.seconds)))
    meter = Meter(every=1_000)
    # Tansu hands out no producer ids at times; a repeat would change nothing.
    settings = PublisherSettings(given.kafka, given.topic, idempotent=False)
    with EventPublisher(settings) as publisher:
        began = time.monotonic()
        meter.mark()
        while (seconds := time.monotonic() - began) < given.seconds:
            due = int(seconds * given.per_second) - meter.events
            for event in islice(events, due):
                now_ms = times.now_ms()
                publisher.publish(
                    msgspec.structs.replace(event, occurred_at=now_ms, ingested_at=now_ms, historical=False)
                )
            meter.add(due, 0)
            time.sleep(_TICK_SECONDS)
    meter.mark()
    meter.tell(given)


if __name__ == "__main__":
    run(job())
