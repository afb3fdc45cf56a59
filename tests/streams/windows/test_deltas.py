from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import MalformedRecord, UnknownSchema
from schemas.records import MetricFact
from streams.windows.deltas import VERSION, DeltaBatch, DeltaBuilder, decode
from tests.streams.windows.harness import NOW, fact

Row = tuple[int, bool, int, int, tuple[str | None, ...]]


def rows_of(batch: DeltaBatch) -> list[Row]:
    return [
        (offset, added, ended_at, value_ms, (*batch.kinds[kind], *batch.profiles[profile]))
        for offset, added, ended_at, value_ms, kind, profile in zip(
            batch.source_offset.tolist(),
            batch.added.tolist(),
            batch.ended_at.tolist(),
            batch.value_ms.tolist(),
            batch.kind.tolist(),
            batch.profile.tolist(),
            strict=True,
        )
    ]


def rows(old: MetricFact | None, new: MetricFact | None) -> list[Row]:
    builder = DeltaBuilder(0, 0)
    builder.replace(old, new, 7)
    return [row for payload in builder.take().values() for row in rows_of(decode(payload))]


def test_a_new_fact_adds_a_row() -> None:
    new = fact(value_ms=5, metric="resolution", outcome="answered", team="vip", agent_id="a1", priority="high")
    assert rows(None, new) == [(7, True, NOW, 5, ("resolution", None, "email", "vip", "a1", "high"))]


def test_only_a_graded_metric_keeps_its_outcome() -> None:
    ((*_, key),) = rows(None, fact(metric="sla_resolution", outcome="met"))
    assert key == ("sla_resolution", "met", "email", None, None, None)


def test_a_revision_takes_the_old_version_away_and_adds_the_new_one() -> None:
    assert [(row[1], row[3]) for row in rows(fact(value_ms=5), fact(value_ms=6))] == [(False, 5), (True, 6)]


@pytest.mark.parametrize(
    "changed",
    [
        {"value_ms": 2_000},
        {"ended_at": NOW + 1},
        {"channel": "sms"},
        {"team": "vip"},
        {"agent_id": "a1"},
        {"priority": "low"},
        {"outcome": "breached"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_every_column_that_windows_look_at_makes_a_difference(changed: dict[str, object]) -> None:
    old = fact(metric="sla_resolution", outcome="met")
    assert len(rows(old, msgspec.structs.replace(old, **changed))) == 2


def test_a_revision_that_windows_cannot_see_records_nothing() -> None:
    old = fact(outcome="answered")
    new = msgspec.structs.replace(old, revision=2, outcome="bot", business_ms=3, started_at=1, episode=2)
    assert rows(old, new) == []


@pytest.mark.parametrize("gone", [fact(retracted=True), fact(value_ms=None), fact(ended_at=None), None])
def test_what_has_no_value_no_end_or_does_not_hold_is_not_counted(gone: MetricFact | None) -> None:
    assert rows(None, gone) == []
    assert [row[1] for row in rows(fact(), gone)] == [False]
    assert [row[1] for row in rows(gone, fact())] == [True]
    assert rows(gone, gone) == []


def test_each_tenant_gets_a_message_of_its_own_and_taking_begins_anew() -> None:
    builder = DeltaBuilder(3, 9)
    builder.replace(None, fact(1, tenant="acme"), 1)
    builder.replace(None, fact(2, tenant="globex"), 2)
    batches = {tenant: decode(payload) for tenant, payload in builder.take().items()}
    assert {(b.tenant, b.epoch, b.source_partition, len(b)) for b in batches.values()} == {
        ("acme", 9, 3, 1),
        ("globex", 9, 3, 1),
    }
    assert builder.take() == {}


names = st.none() | st.text(max_size=8)
facts = st.builds(
    fact,
    ended_at=st.integers(-(2**41), 2**43),
    value_ms=st.integers(0, 2**43),
    metric=st.sampled_from(["resolution", "sla_resolution"]),
    outcome=st.sampled_from(["met", "breached", "answered"]),
    team=names,
    agent_id=names,
)


@given(st.lists(st.tuples(facts, st.integers(0, 2**62 - 1)), min_size=1, max_size=60))
def test_what_is_decoded_is_what_was_built(built: list[tuple[MetricFact, int]]) -> None:
    builder = DeltaBuilder(0, 0)
    for new, offset in built:
        builder.replace(None, new, offset)
    assert rows_of(decode(builder.take()["acme"])) == [
        (
            offset,
            True,
            new.ended_at,
            new.value_ms,
            (
                new.metric,
                new.outcome if new.metric == "sla_resolution" else None,
                new.channel,
                new.team,
                new.agent_id,
                new.priority,
            ),
        )
        for new, offset in built
    ]


def test_a_batch_of_a_thousand_agents_and_teams_keeps_them_apart() -> None:
    builder = DeltaBuilder(0, 0)
    for number in range(1_500):
        builder.replace(None, fact(number, agent_id=f"a{number}", team=f"t{number % 700}"), number)
    batch = decode(builder.take()["acme"])
    assert [batch.profiles[profile][1:3] for profile in batch.profile] == [
        (f"t{n % 700}", f"a{n}") for n in range(1_500)
    ]


def test_a_strings_bytes_are_sent_once_per_batch() -> None:
    def size(count: int) -> int:
        builder = DeltaBuilder(0, 0)
        for number in range(count):
            builder.replace(None, fact(number, agent_id="a" * 100, ended_at=NOW + number), number)
        return len(builder.take()["acme"])

    assert (size(1_000) - size(500)) / 500 < 20


def test_what_the_release_before_wrote_is_read() -> None:
    payload = bytes.fromhex(
        "0298a461636d6509039396ae66697273745f726573706f6e7365c0a5656d61696cc0a26131c096ae736c615f7265736f6c7574696f6ea36d65"
        "74a5656d61696ca3766970c0a46869676896ae736c615f7265736f6c7574696f6ea86272656163686564a5656d61696ca3766970c0a4686967"
        "68930001c40400010102930f01c4040002030493cf0000019c936e380001c40400000000930504c4100000000053020000530200006b110100"
    )
    batch = decode(payload)
    assert (batch.tenant, batch.epoch, batch.source_partition) == ("acme", 9, 3)
    first = ("first_response", None, "email", None, "a1", None)
    met, breached = (("sla_resolution", outcome, "email", "vip", None, "high") for outcome in ("met", "breached"))
    assert rows_of(batch) == [
        (7, True, NOW, 5, first),
        (8, True, NOW, 600, met),
        (9, False, NOW, 600, met),
        (9, True, NOW, 70_000, breached),
    ]
    assert (len(batch.kinds), len(batch.profiles)) == (3, 2)
    # The groups of its last two rows, of three that there are: one that is not there.
    with pytest.raises(MalformedRecord, match="damaged"):
        decode(payload.replace(b"\x00\x01\x01\x02\x93", b"\x00\x01\x01\x03\x93"))


def payload_of(*new: MetricFact) -> bytes:
    builder = DeltaBuilder(0, 0)
    for offset, version in enumerate(new):
        builder.replace(None, version, offset)
    return builder.take()["acme"]


@given(st.data())
def test_a_damaged_message_is_refused_or_read_but_never_anything_else(data: st.DataObject) -> None:
    good = payload_of(fact(1, agent_id="a1"), fact(2, team="vip"), fact(3, value_ms=2**40))
    cut = data.draw(st.integers(0, len(good)))
    place = data.draw(st.integers(0, len(good) - 1))
    flipped = good[:place] + bytes([good[place] ^ data.draw(st.integers(1, 255))]) + good[place + 1 :]
    for damaged in (good[:cut], flipped, data.draw(st.binary(max_size=60))):
        try:
            batch = decode(damaged)
        except (MalformedRecord, UnknownSchema):
            continue
        columns = batch.kind, batch.profile, batch.added, batch.value_ms, batch.ended_at
        assert {len(column) for column in columns} == {len(batch)}
        assert all(0 <= kind < len(batch.kinds) for kind in batch.kind)
        assert all(0 <= profile < len(batch.profiles) for profile in batch.profile)


def test_a_message_cut_short_is_malformed_and_a_later_version_unknown() -> None:
    good = payload_of(fact())
    with pytest.raises(MalformedRecord, match="cut short or damaged"):
        decode(good[:-1])
    with pytest.raises(MalformedRecord, match="empty"):
        decode(b"")
    with pytest.raises(UnknownSchema, match=f"version {VERSION + 1}"):
        decode(bytes([VERSION + 1]) + good[1:])
