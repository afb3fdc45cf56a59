"""Simulated traffic for `up`: a history at once, then live, going on where an earlier run stopped."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from connectors.producer import EventPublisher, PublisherSettings, bulk
from connectors.simulator.profiles import SimulationConfig
from connectors.simulator.simulation import Simulation
from schemas import times
from schemas.errors import SupportpulseError
from schemas.times import EpochMs

log = structlog.get_logger()

#: What is simulated unless somebody says otherwise: days of history, conversations a day, and the seed.
DAYS = 1.0
CONVERSATIONS_PER_DAY = 10_000.0
SEED = 1
_DAY_MS = 86_400_000
#: Arrivals of the last minutes before a stop are sent again: repeats change nothing, a gap would.
_OVERLAP_MS = 10 * 60_000


class SimulationMemoUnreadable(SupportpulseError):
    """What is simulated in a data directory cannot be read. Says where it stands, and what to do."""


class SimulationMemo(msgspec.Struct, frozen=True):
    """What an earlier run simulated, kept in the data directory."""

    seed: int
    conversations_per_day: float
    since_ms: EpochMs
    reached_ms: EpochMs
    #: Of history, when it began; None: an earlier release did not keep it.
    days: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to simulate: conversations that begin from `since_ms` on, arrivals from `from_ms` on."""

    config: SimulationConfig
    since_ms: EpochMs
    from_ms: EpochMs
    days: float | None


def plan(
    memo_path: Path,
    *,
    days: float | None = None,
    conversations_per_day: float | None = None,
    seed: int | None = None,
    now_ms: EpochMs,
) -> Plan:
    """A new simulation of the last `days`, or the one that `memo_path` remembers, from where it stopped: what is asked
    for differently then is not followed, and that is logged. Raises `SimulationMemoUnreadable`.
    """
    if memo_path.exists():
        memo = _read(memo_path)
        begun = {"--days": memo.days, "--conversations": memo.conversations_per_day, "--seed": memo.seed}
        said = {"--days": days, "--conversations": conversations_per_day, "--seed": seed}
        ignored = [name for name, value in said.items() if value is not None and value != begun[name]]
        if ignored:
            log.warning(
                "simulator.goes_on_as_it_began",
                ignored=", ".join(f"{name} {said[name]:.12g}" for name in ignored),
                began_with=", ".join(f"{name} {value:.12g}" for name, value in begun.items() if value is not None),
                remedy="another --data-dir begins a new one",
            )
        config = SimulationConfig(seed=memo.seed, conversations_per_day=memo.conversations_per_day)
        return Plan(config, memo.since_ms, max(memo.since_ms, memo.reached_ms - _OVERLAP_MS), memo.days)
    days = DAYS if days is None else days
    config = SimulationConfig(
        seed=SEED if seed is None else seed,
        conversations_per_day=CONVERSATIONS_PER_DAY if conversations_per_day is None else conversations_per_day,
    )
    since_ms = now_ms - int(days * _DAY_MS)
    return Plan(config, since_ms, since_ms, days)


def _read(memo_path: Path) -> SimulationMemo:
    try:
        return msgspec.json.decode(memo_path.read_bytes(), type=SimulationMemo)
    except (msgspec.MsgspecError, UnicodeDecodeError, OSError) as exc:
        raise SimulationMemoUnreadable(
            f"{memo_path} says what is simulated here, and cannot be read ({exc}): remove it and start with the --seed "
            "and --conversations of before, so that the same events come again; or begin anew with another --data-dir"
        ) from exc


class Feed:
    """Publishes simulated traffic on a thread of its own."""

    def __init__(self, plan: Plan, kafka: str, memo_path: Path) -> None:
        self._plan = plan
        self._simulation = Simulation(plan.config)
        self._kafka = kafka
        self._memo_path = memo_path
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run_live, name="simulator", daemon=True)
        self._live_from_ms = plan.from_ms
        self.published = 0
        self.offsets: dict[int, int] = {}
        #: What ended the live traffic too early.
        self.failure: SupportpulseError | None = None

    def history(self, until_ms: EpochMs) -> None:
        """Publish everything that has arrived before `until_ms`, as fast as the broker takes it."""
        # Now already: a run that is killed is gone on with too, and not begun anew.
        self._remember(self._plan.from_ms)
        reached_ms = until_ms
        with EventPublisher(bulk(self._kafka)) as publisher:
            for arrival in self._simulation.history(self._plan.since_ms, until_ms, from_ms=self._plan.from_ms):
                if self._stopping.is_set():
                    reached_ms = arrival.arrives_at_ms
                    break
                publisher.publish(arrival.event)
                self.published += 1
            publisher.flush()
            self._reached(publisher, reached_ms)
        self._live_from_ms = reached_ms

    def go_live(self) -> None:
        """From now on, publish what arrives when it arrives; nothing if it has been stopped already."""
        if not self._stopping.is_set():
            self._thread.start()

    def stop(self) -> None:
        """Stop publishing; everything published is with the broker."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run_live(self) -> None:
        try:
            with EventPublisher(PublisherSettings(bootstrap=self._kafka)) as publisher:
                arrivals = self._simulation.live(
                    self._plan.since_ms, now_ms=times.now_ms, sleep=self._sleep, from_ms=self._live_from_ms
                )
                for arrival in arrivals:
                    if self._stopping.is_set():
                        break
                    publisher.publish(arrival.event)
                    self.published += 1
                publisher.flush()
                self._reached(publisher, times.now_ms())
        except SupportpulseError as exc:
            self.failure = exc
            log.error("simulator.stopped", error=str(exc))

    def _sleep(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._stopping.is_set() and (left := deadline - time.monotonic()) > 0:
            self._stopping.wait(min(left, 0.5))

    def _reached(self, publisher: EventPublisher, reached_ms: EpochMs) -> None:
        for partition, offset in publisher.offsets.items():
            self.offsets[partition] = max(offset, self.offsets.get(partition, -1))
        self._remember(reached_ms)

    def _remember(self, reached_ms: EpochMs) -> None:
        config = self._plan.config
        memo = SimulationMemo(
            config.seed, config.conversations_per_day, self._plan.since_ms, reached_ms, self._plan.days
        )
        replacement = self._memo_path.with_suffix(".new")
        replacement.write_bytes(msgspec.json.encode(memo))
        replacement.replace(self._memo_path)
