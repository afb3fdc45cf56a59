"""`supportpulse replay`, from outside."""

from __future__ import annotations

import gzip
from pathlib import Path

from msgspec import structs

from schemas import documents
from schemas.records import InteractionEvent
from tests.cli.command import environment, run
from tests.streams.stories import story

QUESTION, ANSWER, END = story("""
    09:00 customer message
    09:04 ana message
    09:10 ana resolved
""")


def write(path: Path, *events: InteractionEvent) -> Path:
    """A file of events."""
    path.write_bytes(b"".join(documents.render_event(event) + b"\n" for event in events))
    return path


def test_several_files_may_follow_one_option_or_have_one_each(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.jsonl", QUESTION, ANSWER, END)
    first, second = write(tmp_path / "a.jsonl", END, QUESTION), write(tmp_path / "b.jsonl", ANSWER)
    expected = run(tmp_path, "replay", "--events", whole)
    assert expected.out.count("\n") == 6
    assert run(tmp_path, "replay", "--events", first, second) == expected
    assert run(tmp_path, "replay", "--events", first, "--events", second) == expected


def test_facts_go_to_a_file_sorted(tmp_path: Path) -> None:
    done = run(tmp_path, "replay", "--events", write(tmp_path / "e.jsonl", END, ANSWER, QUESTION), "--facts", "facts")
    assert (done.status, done.out) == (0, "")
    lines = (tmp_path / "facts").read_text(encoding="utf-8").splitlines()
    ids = [line.split('"fact_id":"')[1].split('"')[0] for line in lines]
    assert ids == sorted(ids)
    assert len(ids) == 6


def test_every_refusal_is_named_and_the_sums_come_last(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(b"nonsense\n" * 3_000 + documents.render_event(QUESTION) + b"\n")
    done = run(tmp_path, "replay", "--events", bad)
    assert done.status == 0
    *named, total = done.err.splitlines()
    assert [line.partition(": ")[0] for line in named] == [f"refused {bad}:{number}" for number in range(1, 3_001)]
    assert total == "3,001 rows: 1 imported as 1 events, 3,000 refused"
    assert "refused" not in done.out


def test_the_latest_instant_of_the_input_is_also_that_of_a_duplicate(tmp_path: Path) -> None:
    policies = tmp_path / "p.yaml"
    policies.write_text("policies:\n  - name: all\n    targets: {first_response: 5m}\n", encoding="utf-8")
    again = structs.replace(QUESTION, occurred_at=QUESTION.occurred_at + 3_600_000)
    once = write(tmp_path / "once.jsonl", QUESTION)
    twice = write(tmp_path / "twice.jsonl", QUESTION, again)
    assert "breached" not in run(tmp_path, "replay", "--events", once, "--policies", policies).out
    assert "breached" in run(tmp_path, "replay", "--events", twice, "--policies", policies).out


def test_policies_may_be_named_by_the_environment(tmp_path: Path) -> None:
    policies = tmp_path / "p.yaml"
    policies.write_text("policies:\n  - name: all\n    targets: {first_response: 5m}\n", encoding="utf-8")
    events = write(tmp_path / "e.jsonl", QUESTION, ANSWER)
    named = environment(SUPPORTPULSE_POLICIES=str(policies))
    done = run(tmp_path, "replay", "--events", events, env=named)
    assert "sla_first_response" in done.out
    assert done == run(tmp_path, "replay", "--events", events, "--policies", policies)


def test_a_file_that_breaks_off_is_told_by_the_status(tmp_path: Path) -> None:
    packed = gzip.compress(b"".join(documents.render_event(event) + b"\n" for event in (QUESTION, ANSWER, END)))
    (tmp_path / "e.jsonl.gz").write_bytes(packed[:-9])
    done = run(tmp_path, "replay", "--events", "e.jsonl.gz")
    assert done.status == 1
    assert done.err.splitlines()[-1].startswith("supportpulse: 1 file was not read to the end")
    # What could be read is there.
    assert done.out.count("\n") == 6
