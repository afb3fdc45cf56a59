"""Policies rewritten on real brokers: whoever dies or freezes on the way, facts, alerts and windows are right."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter

from schemas.records import InteractionEvent, MetricFact
from tests.streams.partition import test_rewrite as partition_rewrite
from tests.streams.partition.harness import FactKey
from tests.streams.strategies import LAST_MS
from tests.streams.worker.alarms import HARDER, Raised, contact, now_ms, raised, reply
from tests.streams.worker.child import gate_of
from tests.streams.worker.harness import SESSION_SECONDS, Surroundings, expected, some_events, until
from tests.streams.worker.test_alarms import child, working

#: Windows that hold everything these tests say, whenever they are looked at.
LONG_SECONDS = (3_600, 86_400)


def most_often(found: Raised) -> int:
    """How often an alert was sent, word for word (`raised` looks): twice, where a worker was lost on the way."""
    return max(Counter((one.fact_id, one.level, one.share, one.deadline) for one in found.alerts).values())


def breaches(facts: dict[FactKey, MetricFact]) -> set[tuple[str, int | None]]:
    return {(fact.fact_id, fact.deadline) for fact in facts.values() if fact.outcome == "breached"}


async def told(around: Surroundings, *events: InteractionEvent) -> list[InteractionEvent]:
    await asyncio.to_thread(around.publish, events)
    return list(events)


def asked_and_answered(names: list[str]) -> list[InteractionEvent]:
    """Every third one waits for ever; the others were answered within a second."""
    asked_ms = now_ms() - 20_000
    answered = [name for n, name in enumerate(names) if n % 3]
    return [*(contact(name, asked_ms) for name in names), *(reply(name, asked_ms + 1_000) for name in answered)]


async def test_killed_in_the_middle_of_a_rewrite_its_successor_finishes_it(around: Surroundings) -> None:
    names = [f"c{n:03}" for n in range(120)]
    before = [*asked_and_answered(names), contact("c060-gate", now_ms() - 20_000, team="gate")]
    async with working(around):
        await told(around, *before)
        await until(lambda: len(raised(around).standing) == len(names) / 3 + 1)

    def judged_again() -> int:
        return len({fact.conversation_id for fact in around.versions() if fact.policy == "harder"})

    with child(around, "killed", "rewriting") as rewriting:
        # In the order of their names, it has come to this one; nothing of its portion is sent yet.
        await until(gate_of(around.data_dir / "killed").exists)
        rewriting.kill()
        rewriting.wait()
    assert 0 < judged_again() < len(names), "in the middle"

    async with working(around, policies=HARDER):
        after = await told(around, contact("after"))
        await until(lambda: judged_again() == len(names) + 2)
        facts = expected([*before, *after], now_ms(), HARDER)
        await until(lambda: raised(around).standing == breaches(facts))
        assert around.holding() == facts
        await until(lambda: around.windows_are_those_of(facts.values(), LONG_SECONDS))
    assert most_often(raised(around)) <= 2
    assert {one.policy for one in raised(around).alerts if one.level == "retracted"} == {"quick"}


async def test_a_rewrite_in_a_drain_reaches_the_windows(around: Surroundings) -> None:
    events = some_events(60)
    around.publish(events)
    await around.drain()
    assert around.windows_are_those_of(expected(events).values())
    await around.drain(partition_rewrite.NEW, rewrite=True)
    facts = expected(events, LAST_MS, partition_rewrite.NEW)
    assert around.holding() == facts
    assert around.windows_are_those_of(facts.values())
    assert await around.drain(partition_rewrite.NEW) == {}, "nothing is left to do"


async def test_frozen_with_the_old_policies_and_awake_after_the_rewrite_it_does_no_harm(around: Surroundings) -> None:
    names = [f"c{n:03}" for n in range(60)]
    early, late = names[:30], names[30:]
    with child(around, "frozen", "gated") as frozen:
        events = await told(around, *asked_and_answered(early))
        await until(lambda: len(raised(around).standing) == len(early) / 3)
        # In the middle of these, before anything of them was sent.
        events += await told(around, *asked_and_answered(late), contact("gate", now_ms() - 20_000, team="gate"))
        await until(gate_of(around.data_dir / "frozen").exists)
        os.kill(frozen.pid, signal.SIGSTOP)
        async with working(around, policies=HARDER, rewrite_policies=True):
            facts = expected(events, now_ms(), HARDER)
            await until(lambda: around.holding() == facts)
            await until(lambda: raised(around).standing == breaches(facts))
            sent = times_sent(around)
            os.kill(frozen.pid, signal.SIGCONT)
            # What it had in hand it sends, before it can know that nobody wants it any more.
            await until(lambda: times_sent(around) != sent)
            await asyncio.sleep(2 * SESSION_SECONDS)
            events += await told(around, contact("last"), *asked_and_answered(["d0", "d1", "d2"]))
            facts = expected(events, now_ms() + 1_000, HARDER)
            await until(lambda: raised(around).standing == breaches(facts) and around.holding() == facts)
            await until(lambda: around.windows_are_those_of(facts.values(), LONG_SECONDS))
    # Whoever comes next finds nothing but what holds.
    async with working(around, policies=HARDER):
        events += await told(around, reply(late[0], now_ms()))
        facts = expected(events, now_ms(), HARDER)
        await until(lambda: around.holding() == facts)
        assert raised(around).standing == breaches(facts)
        assert most_often(raised(around)) <= 2


def times_sent(around: Surroundings) -> Counter[tuple[FactKey, int]]:
    """How often each version of a fact was sent."""
    return Counter(((fact.tenant, fact.fact_id), fact.revision) for fact in around.versions())
