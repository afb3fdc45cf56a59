"""Two runs over files that hold everything that can be wrong with a file, and a late year, and repeats.

None of it stops anything: what can be used lands as a replay of all of it says, the rest is named.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import pytest

from schemas import documents, times
from schemas.records import InteractionEvent
from schemas.times import EpochMs
from tests.cli.command import Done
from tests.up.runs import Deployment, traffic, write_events

_MINUTE_MS = 60_000
_HOUR_MS = 60 * _MINUTE_MS
_YEAR_MS = 365 * 24 * _HOUR_MS
_BEGIN_MS = times.parse("2026-06-09T00:00:00.000Z")
_FIRST_MS = _BEGIN_MS + 30 * _HOUR_MS
_SECOND_MS = _BEGIN_MS + 36 * _HOUR_MS
_LONG_EVENTS = 5_000


def _event(number: int, at_ms: EpochMs, **fields: object) -> InteractionEvent:
    plain = InteractionEvent(
        event_id=f"e{number}",
        tenant="acme-retail",
        source="by-hand",
        channel="live_chat",
        type="message",
        occurred_at=at_ms,
        conversation_id="long",
        actor_kind="customer" if number % 2 == 0 else "human",
        actor_id=None if number % 2 == 0 else f"agent-{number % 3}",
    )
    return msgspec.structs.replace(plain, **fields)


def _long_conversation() -> Iterator[InteractionEvent]:
    """5,000 events, 20 s apart, every tenth pair the wrong way round."""
    begin_ms = _FIRST_MS - _LONG_EVENTS * 20_000
    events = [_event(number, begin_ms + number * 20_000) for number in range(_LONG_EVENTS)]
    for i in range(0, _LONG_EVENTS - 1, 20):
        events[i], events[i + 1] = events[i + 1], events[i]
    return iter(events)


def _a_year_late(number: int) -> InteractionEvent:
    """Arrives last, and is the first thing that happened in the long conversation."""
    return _event(number, _FIRST_MS - _YEAR_MS - number, event_id=f"late-{number}", actor_kind="customer")


_GOOD = _event(0, _FIRST_MS - _HOUR_MS, conversation_id="among-broken", event_id="good-1")
_GOOD_TOO = _event(1, _FIRST_MS - _HOUR_MS + 9_000, conversation_id="among-broken", event_id="good-2")


def _broken_lines() -> list[tuple[bytes, str | None]]:
    """Lines of a file, and what its refusal must say (None: it is a good one)."""
    good = documents.render_event(_GOOD)
    document = msgspec.json.decode(good)
    wrong_enum = msgspec.json.encode(document | {"channel": "carrier_pigeon"})
    unknown_field = msgspec.json.encode(document | {"mood": "grim"})
    missing = msgspec.json.encode({name: value for name, value in document.items() if name != "conversation_id"})
    no_status = msgspec.json.encode(document | {"type": "status_changed"})
    ten_megabytes = msgspec.json.encode(document | {"attributes": {"filler": "x" * 10_000_000}})
    return [
        (good, None),
        (b'{"event_id": "\xff\xfe"}', "UTF-8"),
        (wrong_enum, "Expected one of email, live_chat, "),
        (missing, "conversation_id"),
        (ten_megabytes, "a line of 10,000,"),
        (unknown_field, "mood"),
        (no_status, "status"),
        (b"", "an empty line"),
        (b'{"event_id": "cut', "not JSON"),
        (b"[" * 100_000, "array"),
        (documents.render_event(_GOOD_TOO), None),
    ]


@dataclass(slots=True)
class Story:
    """What was run, and what it was given."""

    deployment: Deployment
    first: Done
    first_events: list[InteractionEvent] = field(default_factory=list)
    events: list[InteractionEvent] = field(default_factory=list)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """One run over good files and bad ones, arrived in no order and partly twice."""
    deployment = Deployment(tmp_path_factory.mktemp("files"))
    home = deployment.home
    early, _ = _parts()
    chance = random.Random(5)
    shuffled = [*early, *chance.sample(early, 200)]
    chance.shuffle(shuffled)
    long = [*_long_conversation(), _a_year_late(1)]
    broken = home / "broken.jsonl"
    broken.write_bytes(b"\n".join(line for line, _ in _broken_lines()))
    files = [
        write_events(home / "traffic.jsonl", shuffled),
        write_events(home / "empty.jsonl", []),
        broken,
        write_events(home / "long.jsonl", long),
    ]
    done = deployment.once(files, _FIRST_MS)
    return Story(deployment, done, [*shuffled, _GOOD, _GOOD_TOO, *long])


def _parts() -> tuple[list[InteractionEvent], list[InteractionEvent]]:
    """Simulated traffic: what the first run gets, and what the second does."""
    chance = random.Random(7)
    early: list[InteractionEvent] = []
    later: list[InteractionEvent] = []
    for event in traffic(_BEGIN_MS, _SECOND_MS, per_day=400):
        is_late = chance.random() < 0.05
        (early if event.occurred_at < _FIRST_MS and not is_late else later).append(event)
    return early, later


def test_every_bad_line_is_refused_by_file_line_and_reason(begun: Story) -> None:
    refused = dict(re.findall(r"^refused (\S+:\d+): (.*)$", begun.first.err, re.MULTILINE))
    wanted = {
        f"{begun.deployment.home / 'broken.jsonl'}:{number}": words
        for number, (_, words) in enumerate(_broken_lines(), start=1)
        if words is not None
    }
    assert refused.keys() == wanted.keys()
    assert [words for name, words in wanted.items() if words not in refused[name]] == []


def test_every_line_is_accounted_for(begun: Story) -> None:
    rows = len(begun.first_events) + sum(words is not None for _, words in _broken_lines())
    good = len(begun.first_events)
    assert begun.first.err.splitlines()[-1] == (
        f"{rows:,} rows: {good:,} imported as {good:,} events, {rows - good:,} refused"
    )


def test_nothing_of_a_bad_line_is_repeated_but_its_field(begun: Story) -> None:
    assert "xxxx" not in begun.first.err
    assert max(map(len, begun.first.err.splitlines())) < 400


def test_everything_else_has_landed_as_a_replay_says(begun: Story) -> None:
    begun.deployment.check(begun.first_events, _FIRST_MS)
    begun.deployment.check_windows(begun.first_events, _FIRST_MS)


@pytest.fixture(scope="module")
def restarted(begun: Story) -> Story:
    """A second run on the same directory: what came later, what was late, and a fifth of the first once more."""
    deployment = begun.deployment
    # Had it not ended well, there would be nothing to go on from.
    deployment.check(begun.first_events, _FIRST_MS)
    _, later = _parts()
    again = random.Random(9).sample(begun.first_events, len(begun.first_events) // 5)
    second = [*later, *again, _a_year_late(2)]
    random.Random(11).shuffle(second)
    begun.events = [*begun.first_events, *second]
    deployment.once([write_events(deployment.home / "second.jsonl", second)], _SECOND_MS)
    return begun


def test_a_restart_ends_where_one_run_would_and_counts_nothing_twice(restarted: Story) -> None:
    restarted.deployment.check(restarted.events, _SECOND_MS)


def test_windows_after_a_restart_are_those_of_all_facts(restarted: Story) -> None:
    restarted.deployment.check_windows(restarted.events, _SECOND_MS)


def test_revisions_go_on_after_a_restart(restarted: Story) -> None:
    """The second event a year late moves the long conversation's first facts a second time."""
    answer = restarted.deployment.ask(
        "SELECT revision FROM metric_facts FINAL WHERE fact_id = 'long/1/1/first_response'"
    )
    assert [row["revision"] for row in answer] == [3]


def test_the_latest_version_is_the_only_one_read(restarted: Story) -> None:
    deployment = restarted.deployment
    assert deployment.number("SELECT count() - uniqExact(tenant, fact_id) FROM facts") == 0
    assert deployment.number("SELECT count() FROM facts WHERE retracted") == 0
