"""The simulation: conversations begin by the clock of every tenant, and their events arrive, mostly in order.

simulation = Simulation(SimulationConfig(seed=7))
for arrival in simulation.history(start_ms, end_ms): ...
for arrival in simulation.live(since_ms, now_ms=times.now_ms, sleep=time.sleep): ...
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from math import log
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from connectors.simulator.plots import tell
from connectors.simulator.profiles import HOURS_PER_DAY, SimulationConfig, TenantProfile
from connectors.simulator.staff import Staff, hour_of_week
from connectors.simulator.story import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Story
from schemas.errors import SupportpulseError
from schemas.records import Channel, InteractionEvent
from schemas.times import EpochMs, to_datetime

#: What would arrive later than this after its conversation began is left out, so that nobody has to look back further.
LIFETIME_MS = 14 * DAY_MS

_MILLISECOND = timedelta(milliseconds=1)


class Arrival(NamedTuple):
    """An event, and when it gets here."""

    arrives_at_ms: EpochMs
    event: InteractionEvent


class Simulation:
    """Support traffic as a pure function of its config: every hour of every tenant has a random seed of its own."""

    def __init__(self, config: SimulationConfig) -> None:
        if config.conversations_per_day <= 0 or not any(tenant.share > 0 for tenant in config.tenants):
            raise SupportpulseError("a simulation without conversations never ends: give it some per day, and a tenant")
        self._config = config
        total = sum(tenant.share for tenant in config.tenants)
        self._traffic = [
            _Traffic(tenant, config.seed, config.conversations_per_day * tenant.share / total)
            for tenant in config.tenants
        ]

    def history(self, start_ms: EpochMs, end_ms: EpochMs, *, from_ms: EpochMs | None = None) -> Iterator[Arrival]:
        """What arrives in [start_ms, end_ms) of the conversations that begin in it, by arrival, marked historical.

        `from_ms` leaves out what arrives before it. Memory is bounded by what is on its way, whatever the length.
        """
        for arrives_at_ms, event in self._arrivals(start_ms, start_ms if from_ms is None else from_ms):
            if arrives_at_ms >= end_ms:
                return
            yield Arrival(arrives_at_ms, _historical(event))

    def live(
        self,
        since_ms: EpochMs,
        *,
        now_ms: Callable[[], EpochMs],
        sleep: Callable[[float], None],
        from_ms: EpochMs | None = None,
    ) -> Iterator[Arrival]:
        """Never ends. What should have arrived by now comes at once and is historical; the rest when it is due.

        `from_ms` leaves out what arrives before it: a stopped simulation goes on without a gap.
        """
        begun_ms = now_ms()
        for arrival in self._arrivals(since_ms, since_ms if from_ms is None else from_ms):
            if arrival.arrives_at_ms <= begun_ms:
                yield Arrival(arrival.arrives_at_ms, _historical(arrival.event))
                continue
            wait_ms = arrival.arrives_at_ms - now_ms()
            if wait_ms > 0:
                sleep(wait_ms / 1000)
            yield arrival

    def _arrivals(self, since_ms: EpochMs, from_ms: EpochMs) -> Iterator[Arrival]:
        """Endless. Events lie in one heap per hour until the hour has come, and are sorted then."""
        hours: defaultdict[int, list[tuple[EpochMs, int, InteractionEvent]]] = defaultdict(list)
        tickets = count()
        for hour in count(max(since_ms, from_ms - LIFETIME_MS) // HOUR_MS):
            for traffic in self._traffic:
                for events in traffic.conversations(hour, since_ms):
                    self._deliver(events, traffic.network, hours, tickets)
            for arrives_at_ms, _, event in sorted(hours.pop(hour, ()), key=_by_arrival):
                if arrives_at_ms >= from_ms:
                    yield Arrival(arrives_at_ms, event)

    def _deliver(
        self,
        events: list[InteractionEvent],
        random: Random,
        hours: defaultdict[int, list[tuple[EpochMs, int, InteractionEvent]]],
        tickets: Iterator[int],
    ) -> None:
        last_ms = events[0].occurred_at + LIFETIME_MS
        repeats = self._config.duplicate_share / (1 - self._config.duplicate_share)
        for event in events:
            if random.random() < self._config.late_share:
                delay_ms = _late_ms(random)
            else:
                delay_ms = 40 + int(random.expovariate(1 / 700))
            arrives_at_ms = event.occurred_at + delay_ms
            if arrives_at_ms < last_ms:
                hours[arrives_at_ms // HOUR_MS].append((arrives_at_ms, next(tickets), event))
            if random.random() < repeats:
                again_ms = arrives_at_ms + SECOND_MS + int(random.expovariate(1 / (2 * MINUTE_MS)))
                if again_ms < last_ms:
                    hours[again_ms // HOUR_MS].append((again_ms, next(tickets), event))


def _by_arrival(entry: tuple[EpochMs, int, InteractionEvent]) -> tuple[EpochMs, int]:
    return entry[0], entry[1]


def _late_ms(random: Random) -> int:
    """Two minutes to three days, an hour or so as a rule."""
    return min(2 * MINUTE_MS + int(random.lognormvariate(log(HOUR_MS), 1.5)), 3 * DAY_MS)


def _historical(event: InteractionEvent) -> InteractionEvent:
    return msgspec.structs.replace(event, historical=True)


class _Traffic:
    """One tenant's customers: how many of them write in which hour, and what becomes of it."""

    def __init__(self, tenant: TenantProfile, seed: int, conversations_per_day: float) -> None:
        self._tenant = tenant
        self._seed = seed
        self._staff = Staff(tenant)
        self._zone = ZoneInfo(tenant.timezone)
        self._per_ms = _rates(tenant, conversations_per_day)
        self._channels = _table(tenant.channels)
        #: What decides about delays, of the hour asked for last.
        self.network = Random()  # noqa: S311 - nothing secret here

    def conversations(self, hour: int, since_ms: EpochMs) -> Iterator[list[InteractionEvent]]:
        """The conversations that begin in this hour since 1970, each with its events as they occur."""
        begin_ms = hour * HOUR_MS
        offset = to_datetime(begin_ms).astimezone(self._zone).utcoffset() or timedelta()
        offset_ms = offset // _MILLISECOND
        per_ms = self._per_ms[hour_of_week(begin_ms + offset_ms)]
        if per_ms <= 0:
            return
        random = Random(f"{self._seed}/{self._tenant.name}/{hour}")  # noqa: S311 - nothing secret here
        self.network.seed(f"{self._seed}/{self._tenant.name}/{hour}/network")
        at_ms = begin_ms + random.expovariate(per_ms)
        for number in count(1):
            if at_ms >= begin_ms + HOUR_MS:
                return
            story = Story(
                tenant=self._tenant,
                staff=self._staff,
                random=random,
                channel=self._channels[int(random.random() * len(self._channels))],
                conversation_id=f"{hour:x}-{number}",
                at_ms=int(at_ms),
                offset_ms=offset_ms,
            )
            tell(story, self._tenant.bot_share)
            if at_ms >= since_ms:
                yield story.events
            at_ms += random.expovariate(per_ms)


def _rates(tenant: TenantProfile, conversations_per_day: float) -> list[float]:
    """New conversations per millisecond, by hour of the week. On average `conversations_per_day` of them a day."""
    weights = [tenant.weekdays[day] * tenant.hours[hour] for day in range(7) for hour in range(HOURS_PER_DAY)]
    scale = conversations_per_day * 7 / sum(weights) / HOUR_MS
    return [weight * scale for weight in weights]


def _table(channels: tuple[tuple[Channel, float], ...]) -> tuple[Channel, ...]:
    """A thousand entries to draw from."""
    total = sum(weight for _, weight in channels)
    return tuple(channel for channel, weight in channels for _ in range(round(1000 * weight / total)))
