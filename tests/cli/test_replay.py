"""`supportpulse replay`, from outside."""

from __future__ import annotations

from pathlib import Path

from schemas import documents
from schemas.records import InteractionEvent
from tests.cli.command import run
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
