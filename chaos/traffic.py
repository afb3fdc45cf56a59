"""Steady traffic: simulated events through the gateway until it has accepted them, and poison past it."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from random import Random

import msgspec

from connectors.producer import EventPublisher, PublisherSettings
from connectors.simulator.profiles import TENANTS, SimulationConfig
from connectors.simulator.simulation import Simulation
from schemas.errors import SupportpulseError
from schemas.records import InteractionEvent
from schemas.registry import MARKER
from schemas.times import EpochMs
from schemas.topics import record_key
from supportpulse.client import Client, ClientError

TENANT_NAMES = tuple(tenant.name for tenant in TENANTS)
_DAY_MS = 86_400_000
_BATCH_EVENTS = 40
_POISON_SHARE = 0.004
_RETRY_SECONDS = 0.3

#: tenant, conversation, source, event
Name = tuple[str, str, str, str]


def name_of(event: InteractionEvent) -> Name:
    """What makes an event that event."""
    return (event.tenant, event.conversation_id, event.source, event.event_id)


def token_of(tenant: str) -> str:
    """The gateway token of a tenant."""
    return f"a-token-for-{tenant}-in-a-trial"


def events(seed: int, now_ms: EpochMs, conversations_per_day: float) -> Iterator[InteractionEvent]:
    """Two days of support, duplicates and late ones included; live as far as timers and alerts are concerned."""
    simulation = Simulation(
        SimulationConfig(seed=seed, conversations_per_day=conversations_per_day, duplicate_share=0.05, late_share=0.05)
    )
    for arrival in simulation.history(now_ms - 2 * _DAY_MS, now_ms):
        yield msgspec.structs.replace(arrival.event, historical=False)


class Traffic:
    """Sends in a thread of its own, at a rate, until stopped; then everything it began to send is accepted."""

    def __init__(self, gateway_port: int, kafka: str, seed: int, now_ms: EpochMs, rate: float) -> None:
        self._port = gateway_port
        self._kafka = kafka
        self._random = Random(seed)
        # Enough for hours at this rate.
        self._events = events(seed, now_ms, conversations_per_day=rate * 3_000)
        self._rate = rate
        self._stop = threading.Event()
        self._abandoned = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic")
        self.accepted: set[Name] = set()
        self.requests = self.retries = self.repeats = self.poison = 0
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether something is still being sent."""
        return self._thread.is_alive()

    def finish_soon(self) -> None:
        """Send nothing new."""
        self._stop.set()

    def abandon(self) -> None:
        """End soon, whatever has not been accepted: the trial is over, one way or the other."""
        self._stop.set()
        self._abandoned.set()

    def finish(self, timeout_seconds: float) -> None:
        """Send nothing new, and wait for what is being sent. Raises what ended it, or that it did not end."""
        self._stop.set()
        self._thread.join(timeout_seconds)
        if self._thread.is_alive():
            raise SupportpulseError(f"the gateway did not accept what was sent within {timeout_seconds:g} s")
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        try:
            with EventPublisher(PublisherSettings(bootstrap=self._kafka, delivery_timeout_seconds=180)) as poisoner:
                self._send(poisoner)
        except BaseException as exc:  # noqa: BLE001 - told by `finish`, in the thread that can act on it
            self.failure = exc

    def _send(self, poisoner: EventPublisher) -> None:
        clients = {
            tenant: Client(f"http://127.0.0.1:{self._port}", token_of(tenant), timeout_seconds=20, attempts=1)
            for tenant in TENANT_NAMES
        }
        waiting: defaultdict[str, list[InteractionEvent]] = defaultdict(list)
        began = time.monotonic()
        for sent, event in enumerate(self._events, start=1):
            if self._stop.is_set():
                break
            waiting[event.tenant].append(event)
            if len(waiting[event.tenant]) >= _BATCH_EVENTS:
                self._until_accepted(clients[event.tenant], waiting.pop(event.tenant))
            if self._random.random() < _POISON_SHARE:
                poisoner.publish_raw(record_key(event.tenant, event.conversation_id), self._some_poison())
                self.poison += 1
            ahead_seconds = sent / self._rate - (time.monotonic() - began)
            if ahead_seconds > 0:
                self._stop.wait(ahead_seconds)
        for tenant, batch in waiting.items():
            self._until_accepted(clients[tenant], batch)

    def _until_accepted(self, client: Client, batch: list[InteractionEvent]) -> None:
        while not self._abandoned.is_set():
            self.requests += 1
            try:
                client.send(batch)
            except ClientError as exc:
                # No answer at all (0) is one that may have been lost behind the work: the same again changes nothing.
                if 400 <= exc.status < 500 and exc.status not in (408, 429):
                    raise
                self.retries += 1
                self._abandoned.wait(_RETRY_SECONDS)
                continue
            self.accepted.update(map(name_of, batch))
            # A vendor that did not hear the answer sends the same again.
            if self._random.random() < 0.02:
                self.repeats += 1
                self._until_accepted(client, batch)
            return

    def _some_poison(self) -> bytes:
        body = self._random.randbytes(self._random.randrange(120))
        return self._random.choice((body, MARKER + body, b"{}", b""))
