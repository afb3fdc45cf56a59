"""Alerts from a real broker to a real receiver, whatever that answers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from schemas import wire
from schemas.records import SlaAlert
from schemas.topics import Topics
from sinks.notifier.config import NotifierConfig
from sinks.notifier.message import key_of
from sinks.notifier.service import NotifierService
from sinks.notifier.stats import Result
from tests.servers.plugin import Broker
from tests.servers.receiver import Delivery, Receiver
from tests.sinks.kafka import make_topics, send
from tests.sinks.samples import T0, alert

pytestmark = pytest.mark.kafka
SECRET = b"only for tests"
NOW = T0 + 60_000


class Counted:
    """Stats that a test can look at and wait for."""

    def __init__(self) -> None:
        self.results: Counter[Result] = Counter()
        self.retries = 0
        self.changed = asyncio.Event()

    def notified(self, result: Result) -> None:
        self.results[result] += 1
        self.changed.set()

    def retried(self) -> None:
        self.retries += 1
        self.changed.set()

    async def until(self, reached: Callable[[], bool]) -> None:
        async def wait() -> None:
            while not reached():
                self.changed.clear()
                await self.changed.wait()

        await asyncio.wait_for(wait(), 30)


class Run:
    """One receiver, one group, topics of their own."""

    def __init__(self, broker: Broker, receiver: Receiver, name: str) -> None:
        self.receiver = receiver
        self.topics: Topics = make_topics(broker.address, name)
        self.address = broker.address
        self.stats = Counted()
        self.refused: list[SlaAlert] = []

    def feed(self, *alerts: SlaAlert) -> None:
        send(self.address, self.topics.alerts, [wire.encode_alert(one) for one in alerts])

    @asynccontextmanager
    async def notifier(self, **config: Any) -> AsyncIterator[None]:
        given = {"first_wait_seconds": 0.01, "longest_wait_seconds": 0.05, "session_timeout_ms": 2000, **config}
        service = NotifierService(
            NotifierConfig(
                url=f"{self.receiver.url}/hook",
                secret=SECRET,
                kafka=self.address,
                group=self.topics.prefix,
                topics=self.topics,
                **given,
            ),
            clock=lambda: NOW,
            stats=self.stats,
            on_refused=self.refused.append,
        )
        stop = asyncio.Event()
        running = asyncio.create_task(service.run(stop))
        try:
            yield
            assert not running.done(), running.exception()
        finally:
            stop.set()
            await asyncio.wait_for(running, 15)

    async def heard(self, wanted: Callable[[Delivery], bool], count: int = 1) -> list[Delivery]:
        return await asyncio.to_thread(self.receiver.wait_for, wanted, count)


@pytest.fixture
def run(tansu: Broker, receiver: Receiver, unique: Callable[[str], str]) -> Run:
    return Run(tansu, receiver, unique("notify"))


def keys(deliveries: list[Delivery]) -> list[str]:
    return [one.headers["Idempotency-Key"] for one in deliveries]


def accepted(delivery: Delivery) -> bool:
    return delivery.answered == 200


async def test_every_alert_arrives_signed_and_once(run: Run) -> None:
    alerts = [alert(fact_id=f"c{n}/1/1/sla_first_response", conversation_id=f"c{n}") for n in range(40)]
    run.feed(*alerts)
    async with run.notifier():
        found = await run.heard(accepted, 40)
        await run.stats.until(lambda: run.stats.results["delivered"] == 40)
    assert sorted(keys(found)) == sorted(map(key_of, alerts))
    assert {one.path for one in found} == {"/hook"}
    assert all(one.headers["Supportpulse-Signature"].startswith("t=") for one in found)
    # The next one goes on behind them.
    run.feed(last := alert(fact_id="last"))
    async with run.notifier():
        assert keys(await run.heard(accepted, 41))[40:] == [key_of(last)]


async def test_a_record_that_came_twice_is_told_once(run: Run) -> None:
    run.feed(alert(), alert(raised_at=T0 + 700), alert(level="retracted"))
    async with run.notifier():
        await run.stats.until(lambda: run.stats.results.total() == 3)
    # Tests spread records over partitions, so the second one may have met the first under way.
    assert run.stats.results["repeated"] <= 1
    assert set(keys(run.receiver.deliveries)) == {key_of(alert()), key_of(alert(level="retracted"))}


@pytest.mark.parametrize("status", [500, 429, 0], ids=str)
async def test_a_receiver_in_trouble_is_asked_until_it_takes_it(run: Run, status: int) -> None:
    answers = [status, status, status]
    run.receiver.answer = lambda delivery: answers.pop() if answers else 200
    run.feed(alert())
    async with run.notifier():
        (found,) = await run.heard(accepted)
        await run.stats.until(lambda: run.stats.results["delivered"] == 1)
    assert run.stats.retries == 3
    assert set(keys(run.receiver.deliveries)) == {key_of(alert())}
    assert len({one.body for one in run.receiver.deliveries}) == 1
    assert found.document["level"] == "breach"


async def test_a_receiver_that_is_away_is_waited_for_and_little_is_held_meanwhile(run: Run) -> None:
    run.receiver.stop()
    run.feed(*(alert(fact_id=f"c{n}") for n in range(50)))
    async with run.notifier(poll_records=5):
        await run.stats.until(lambda: run.stats.retries > 5)
        assert run.stats.results.total() == 0
        run.receiver.start()
        await run.heard(accepted, 50)


@pytest.mark.parametrize("status", [400, 302], ids=str)
async def test_what_a_receiver_does_not_want_is_kept_aside_and_the_others_go_on(run: Run, status: int) -> None:
    poison = alert(fact_id="poison")
    run.receiver.answer = lambda delivery: status if delivery.document["fact_id"] == "poison" else 200
    run.feed(*(alert(fact_id=f"a{n}") for n in range(5)), poison, *(alert(fact_id=f"b{n}") for n in range(5)))
    async with run.notifier():
        await run.heard(accepted, 10)
        await run.stats.until(lambda: run.stats.results.total() == 11)
    assert run.refused == [poison]
    assert run.stats.results == {"delivered": 10, "refused": 1}
    assert len(run.receiver.deliveries) == 11


async def test_old_news_and_what_is_no_alert_are_passed_over(run: Run) -> None:
    run.feed(alert(fact_id="old", raised_at=NOW - 3_600_001), alert(fact_id="new", raised_at=NOW - 3_600_000))
    send(run.address, run.topics.alerts, [b"no alert"])
    async with run.notifier(oldest_seconds=3600.0):
        await run.stats.until(lambda: run.stats.results.total() == 3)
    assert run.stats.results == {"delivered": 1, "old": 1, "unreadable": 1}
    assert [one.document["fact_id"] for one in run.receiver.deliveries] == ["new"]


async def test_a_stop_does_not_wait_for_a_receiver_that_never_answers_well(run: Run) -> None:
    run.receiver.answer = lambda delivery: 500
    run.feed(alert())
    async with run.notifier(first_wait_seconds=600.0, longest_wait_seconds=600.0):
        await run.stats.until(lambda: run.stats.retries == 1)
    assert run.stats.results.total() == 0
    run.receiver.answer = lambda delivery: 200
    async with run.notifier():
        assert keys(await run.heard(accepted)) == [key_of(alert())]


async def test_a_warning_is_told_before_its_breach(run: Run) -> None:
    steps = [alert(level="warning", share=0.75), alert(level="warning", share=0.9), alert(), alert(level="retracted")]
    refusals = [500, 500]
    run.receiver.answer = lambda delivery: refusals.pop() if refusals else 200
    for one in steps:
        run.feed(one)  # each time the same key, so the same partition
    async with run.notifier():
        assert keys(await run.heard(accepted, 4)) == list(map(key_of, steps))
