from __future__ import annotations

from itertools import groupby

from kafka.partitioner import murmur2

from bench import traffic
from bench.brokers import PARTITIONS
from bench.contestants.folding import Folding
from bench.contestants.meter import Job
from schemas import wire
from schemas.records import MetricFact
from streams.fold.conversation import fold
from streams.fold.events import remember
from streams.partition.head import Head
from streams.replay import Replay
from streams.sla import policy_file
from streams.sla.policies import PolicyBook


def job(codec: str) -> Job:
    return Job(kafka="", topic="", run="", policies=str(traffic.POLICIES), data_dir="", report="", codec=codec)


def folded(codec: str, events: int) -> list[bytes]:
    """Facts, in the order in which a contestant would emit them."""
    folding = Folding(job(codec))
    heads: dict[bytes, Head] = {}
    found = []
    for record in traffic.simulated(events):
        heads[record.key], facts = folding.fold(heads.get(record.key), folding.decode(record.value))
        assert all(fact.key == record.key for fact in facts)
        found += [fact.value for fact in facts]
    return found


def test_contestants_fold_what_the_replay_folds() -> None:
    replay = Replay()
    for record in traffic.simulated(3_000):
        replay.add(wire.decode_event(record.value))
    assert replay.duplicates > 0
    book = policy_file.load(traffic.POLICIES)
    latest: dict[tuple[str, str], MetricFact] = {}
    for payload in folded("fastavro", 3_000):
        fact = wire.decode_fact(payload)
        latest[fact.tenant, fact.fact_id] = fact
    held = {key: (fact.value_ms, fact.outcome) for key, fact in latest.items() if not fact.retracted}
    # Clocks that are still open are judged by the replay, and by the worker's timers, not by the fold alone.
    expected = {
        (fact.tenant, fact.fact_id): (fact.value_ms, fact.outcome) for fact in replay.facts(book, traffic.BEGIN_MS)
    }
    assert held == expected


def test_both_codecs_make_the_same_facts() -> None:
    assert folded("fastavro", 1_500) == folded("ours", 1_500)


def test_the_same_events_every_time_and_about_a_day_of_them() -> None:
    first, again = list(traffic.simulated(5_000)), list(traffic.simulated(5_000))
    assert first == again
    assert len(first) == 5_000
    lasted_ms = first[-1].arrived_ms - traffic.BEGIN_MS
    # Not longer: growth fills the windows with the day before.
    assert 0.7 * traffic.DAY_MS < lasted_ms < traffic.DAY_MS


def test_records_lie_where_kafka_clients_put_their_keys() -> None:
    for record in traffic.simulated(300):
        assert record.partition == (murmur2(record.key) & 0x7FFFFFFF) % PARTITIONS


def test_other_seeds_are_other_conversations() -> None:
    assert not {r.key for r in traffic.simulated(500)} & {r.key for r in traffic.simulated(500, seed=2)}


def test_clones_are_open_conversations_of_six_events_with_ids_of_their_own() -> None:
    events = [wire.decode_event(record.value) for record in traffic.clones(500)]
    assert len({(event.tenant, event.source, event.event_id) for event in events}) == 500 * traffic.CLONED_EVENTS
    names = set()
    for (tenant, name), of_one in groupby(events, lambda event: (event.tenant, event.conversation_id)):
        log = [remember(event) for event in of_one]
        state, _ = fold(tenant, name, log, PolicyBook())
        assert len(log) == traffic.CLONED_EVENTS
        assert state.episode is not None
        names.add(name)
    assert len(names) == 500
