"""Timers on real brokers: a silent conversation's breach is raised in time, once, and taken back if it was none."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition

from schemas.ticks import SourceName, is_tick
from schemas.times import EpochMs, render
from streams.sla import policy_file
from streams.timers.alerts import ClockChange
from streams.timers.standing import Figures, Group
from streams.worker.app import Worker
from streams.worker.interactions import PoliciesRewritten
from streams.worker.stats import SilentStats
from tests.streams.worker.alarms import BOOK, POLICIES, TARGET_SECONDS, Raised, contact, now_ms, outcomes, raised, reply
from tests.streams.worker.harness import PARTITIONS, PATIENCE_SECONDS, SESSION_SECONDS, Surroundings, until

WARNED_AND_BREACHED = ["warning", "breach"]


@asynccontextmanager
async def working(around: Surroundings, stats: SilentStats | None = None, **fields: object) -> AsyncIterator[None]:
    """A worker, until the end of the block."""
    stop = asyncio.Event()
    config = dataclasses.replace(around.config(drain=False, policies=BOOK), **fields)  # type: ignore[arg-type]
    run = asyncio.ensure_future(Worker(config, stats).run(stop))
    try:
        yield
        assert not run.done(), run
    finally:
        stop.set()
        await asyncio.wait_for(run, PATIENCE_SECONDS)


@contextmanager
def child(around: Surroundings, name: str, policies: str = "alarms") -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process of its own, killed at the end of the block."""
    folder = around.data_dir / name
    command = [sys.executable, "-m", "tests.streams.worker.child", around.broker.address, around.topics.prefix]
    with folder.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen([*command, str(folder), policies], stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def seen(around: Surroundings, conversation: str, levels: list[str]) -> None:
    await until(lambda: raised(around).of(conversation) == levels)


def all_say(found: Raised, names: Iterable[str], levels: list[str]) -> bool:
    return all(found.of(name) == levels for name in names)


async def test_nobody_writes_again_and_the_breach_is_raised_and_taken_back(around: Surroundings) -> None:
    asked_ms = now_ms()
    async with working(around):
        await asyncio.to_thread(around.publish, [contact("silent", asked_ms)])
        await seen(around, "silent", WARNED_AND_BREACHED)
        assert outcomes(around.versions(), "silent") == ["breached"]
        (breach,) = (one for one in raised(around).alerts if one.level == "breach")
        assert breach.deadline == breach.raised_at == asked_ms + round(TARGET_SECONDS * 1000)

        late_news = reply("silent", asked_ms + 500)
        await asyncio.to_thread(around.publish, [late_news])
        await seen(around, "silent", [*WARNED_AND_BREACHED, "retracted"])
        assert outcomes(around.versions(), "silent") == ["breached", "met"]
    assert set(raised(around).times.values()) == {1}


async def test_what_was_answered_in_time_and_what_is_backfill_raise_nothing(around: Surroundings) -> None:
    begun_ms = now_ms()
    async with working(around):
        told = [
            contact("answered"),
            reply("answered", now_ms() + 100),
            contact("old", begun_ms - 3_600_000, historical=True),
            contact("silent", begun_ms),
        ]
        await asyncio.to_thread(around.publish, told)
        await seen(around, "silent", WARNED_AND_BREACHED)
    assert raised(around).of("answered") == []
    assert raised(around).of("old") == []


async def test_ticks_are_no_events_and_no_dead_letters(around: Surroundings) -> None:
    async with working(around):
        await asyncio.to_thread(around.publish, [contact("silent")])
        await seen(around, "silent", WARNED_AND_BREACHED)
    assert around.dead_letters() == []
    consumer = KafkaConsumer(
        bootstrap_servers=around.broker.address, auto_offset_reset="earliest", consumer_timeout_ms=700
    )
    consumer.assign([TopicPartition(around.topics.interactions, number) for number in range(PARTITIONS)])
    records = [(is_tick(record.key, record.value), record.value) for record in consumer]
    consumer.close()
    ticks = sum(ticked for ticked, _ in records)
    assert len(records) - ticks == 1
    assert 1 <= ticks <= 6, "one for each step at most, and not one for each look"


async def test_killed_before_the_deadline_its_successor_raises_the_breach_once(around: Surroundings) -> None:
    names = [f"c{n}" for n in range(20)]
    with child(around, "first") as first:
        # Until it has its partitions; it is to know of the clocks, and not only the log.
        await asyncio.to_thread(around.publish, [contact("early")])
        await seen(around, "early", WARNED_AND_BREACHED)
        await asyncio.to_thread(around.publish, [contact(name) for name in names])
        await until(lambda: any(one.conversation_id in names for one in raised(around).alerts))
        assert first.poll() is None
    async with working(around):
        await until(lambda: all_say(raised(around), names, WARNED_AND_BREACHED))
        versions = around.versions()
        assert all(outcomes(versions, name) == ["breached"] for name in names)
    found = raised(around)
    assert found.once == {
        (name, level, share) for name in [*names, "early"] for level, share in (("warning", 0.5), ("breach", None))
    }
    assert {found.times[name, "breach", None] for name in names} == {1}, "nobody had raised them before"


async def test_frozen_over_the_deadline_and_awake_again_it_does_no_harm(around: Surroundings) -> None:
    with child(around, "frozen") as frozen:
        await asyncio.to_thread(around.publish, [contact("early")])
        await seen(around, "early", WARNED_AND_BREACHED)
        asked_ms = now_ms()
        names = [f"c{n}" for n in range(20)]
        await asyncio.to_thread(around.publish, [contact(name, asked_ms) for name in names])
        await until(lambda: any(one.conversation_id in names for one in raised(around).alerts))
        os.kill(frozen.pid, signal.SIGSTOP)
        # While it stands still, every second one is answered in time; its successor knows, and it does not.
        answered = names[::2]
        await asyncio.to_thread(around.publish, [reply(name, asked_ms + 200) for name in answered])
        async with working(around):
            await until(lambda: all_say(raised(around), names[1::2], WARNED_AND_BREACHED))
            os.kill(frozen.pid, signal.SIGCONT)
            # It wakes up with clocks that ran out; whatever it does by that, the log says what holds.
            await asyncio.sleep(2 * SESSION_SECONDS)
            await asyncio.to_thread(around.publish, [contact("last")])
            await seen(around, "last", WARNED_AND_BREACHED)
            said, versions = raised(around), around.versions()
            for name in answered:
                assert outcomes(versions, name)[-1] == "met"
                assert said.of(name) in (["warning"], [*WARNED_AND_BREACHED, "retracted"], [])
            for name in names[1::2]:
                assert outcomes(versions, name)[-1] == "breached"


async def test_the_alerts_of_a_silent_source_are_held_until_it_is_heard_again(around: Surroundings) -> None:
    stats = Looking()
    async with working(around, stats, heartbeat_seconds={"chat": 1.0}):
        await asyncio.to_thread(around.publish, [contact("quiet")])
        # One more second than it takes to be due, and nothing is raised: the source may be away.
        await asyncio.sleep(TARGET_SECONDS + 1.5)
        assert raised(around).of("quiet") in ([], ["warning"])
        assert outcomes(around.versions(), "quiet") == [], "its state is not known, and so it is not breached"
        await until(lambda: stats.stands(waiting=1, breached=0))
        assert stats.unknown == {("acme", "chat"): True}

        def heard_again() -> bool:
            around.publish([contact(f"again-{now_ms()}")])
            return "breach" in raised(around).of("quiet")

        await until(heard_again)
        assert outcomes(around.versions(), "quiet") == ["breached"]
        assert False in stats.said_unknown


async def test_a_worker_that_is_behind_raises_nothing_that_a_reply_in_its_backlog_answers(
    around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its deadline has long passed when the worker begins, and the reply lies many chunks behind the question.
    monkeypatch.setattr("streams.worker.app.CHUNK_RECORDS", 3)
    asked_ms = now_ms() - 60_000
    others = [contact(f"other{n}", asked_ms) for n in range(200)]
    around.publish([contact("answered", asked_ms), contact("silent", asked_ms), *others])
    around.publish([reply(one.conversation_id, asked_ms + 500) for one in [contact("answered"), *others]])
    async with working(around):
        await seen(around, "silent", WARNED_AND_BREACHED)
        await until(lambda: len(around.versions()) >= 2 * len(others))
    assert {one.conversation_id for one in raised(around).alerts} == {"silent"}
    assert outcomes(around.versions(), "answered") == ["met"]


async def test_policies_that_change_in_a_running_worker_judge_what_opens_after_them(
    around: Surroundings, tmp_path: Path
) -> None:
    path = tmp_path / "policies.yaml"
    path.write_text(POLICIES, encoding="utf-8")
    # The version comes into force when the reload has long happened, by the clock that the worker is given.
    ahead_ms = 400_000
    shifted = {"ms": 0}
    config = dataclasses.replace(around.config(drain=False, policies=BOOK), policies_path=path)
    worker = Worker(config, now_ms=lambda: now_ms() + shifted["ms"])
    stop = asyncio.Event()
    run = asyncio.ensure_future(worker.run(stop))
    try:
        await asyncio.to_thread(around.publish, [contact("before")])
        await seen(around, "before", WARNED_AND_BREACHED)
        since = render(now_ms() + ahead_ms)
        path.write_text(f"{POLICIES}---\neffective_from: {since}\n{POLICIES.replace('quick', 'new')}", encoding="utf-8")
        worker.reload_policies()
        await asyncio.sleep(0.5)
        shifted["ms"] = ahead_ms + 1_000
        await asyncio.to_thread(around.publish, [contact("after", now_ms() + shifted["ms"])])
        await seen(around, "after", WARNED_AND_BREACHED)
        assert {one.conversation_id: one.policy for one in raised(around).alerts} == {"before": "quick", "after": "new"}
    finally:
        stop.set()
        await asyncio.wait_for(run, PATIENCE_SECONDS)


async def test_rewritten_policies_are_refused_at_the_start_or_judge_everything_again(around: Surroundings) -> None:
    harder = policy_file.parse(POLICIES.replace(f"{TARGET_SECONDS}s", "500s").replace("quick", "patient"))
    async with working(around):
        await asyncio.to_thread(around.publish, [contact("silent")])
        await seen(around, "silent", WARNED_AND_BREACHED)
    sent = len(around.versions())
    refused = Worker(dataclasses.replace(around.config(drain=False), policies=harder))
    with pytest.raises(PoliciesRewritten, match="--rewrite-policies"):
        await asyncio.wait_for(refused.run(asyncio.Event()), PATIENCE_SECONDS)
    assert len(around.versions()) == sent, "nothing was changed"
    async with working(around, policies=harder, rewrite_policies=True):
        await seen(around, "silent", [*WARNED_AND_BREACHED, "retracted"])
        (last,) = (one for one in around.versions() if one.conversation_id == "silent" and one.revision == 2)
        assert last.retracted
    async with working(around, policies=harder):
        await asyncio.to_thread(around.publish, [contact("after")])
        await until(lambda: any(one.conversation_id == "silent" for one in around.versions()))
    with pytest.raises(PoliciesRewritten, match="judged by other policies"):
        await asyncio.wait_for(Worker(around.config(drain=False, policies=BOOK)).run(asyncio.Event()), PATIENCE_SECONDS)


class Looking(SilentStats):
    """Remembers how the open conversations stood last, and what became of clocks."""

    def __init__(self) -> None:
        self.shown: dict[Group, Figures] = {}
        self.unknown: dict[SourceName, bool] = {}
        #: Everything that was said of any source.
        self.said_unknown: set[bool] = set()
        self.ended: list[str | None] = []

    def live(self, figures: Mapping[Group, Figures], now_ms: EpochMs) -> None:
        self.shown = dict(figures)

    def held(self, sources: Mapping[SourceName, bool]) -> None:
        self.unknown = dict(sources)
        if self.unknown.get(("acme", "chat")) is False:
            self.said_unknown.add(False)

    def clocks(self, changes: Iterable[ClockChange]) -> None:
        self.ended += [fact.outcome for _, fact in changes]

    def stands(self, waiting: int, breached: int) -> bool:
        found = self.shown.get(("acme", "live_chat", ""), Figures())
        return (found.waiting, found.breached) == (waiting, breached)


async def test_the_live_figures_follow_and_are_there_again_after_a_restart(around: Surroundings) -> None:
    asked_ms = now_ms()
    stats = Looking()
    async with working(around, stats):
        await asyncio.to_thread(around.publish, [contact("one", asked_ms), contact("two", asked_ms)])
        await until(lambda: stats.stands(waiting=2, breached=2))
        await asyncio.to_thread(around.publish, [reply("one", asked_ms + 60_000)])
        await until(lambda: stats.stands(waiting=1, breached=1))
    assert stats.ended == ["breached"] * 3, "two while they were open, one when it ended"
    again = Looking()
    async with working(around, again):
        await until(lambda: again.stands(waiting=1, breached=1))
    assert again.ended == []
    assert set(raised(around).times.values()) == {1}
