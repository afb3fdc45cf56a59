"""Lines of events: taken as they are, or refused with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.importers import events
from connectors.importers.rows import ImportOptions, Refusal, Row
from tests.connectors.samples import event, line, write


@pytest.mark.parametrize("packed", [False, True])
def test_events_come_out_as_they_were_written(tmp_path: Path, packed: bool) -> None:
    path = write(tmp_path / "f.jsonl", line(1) + b"\n" + line(2, historical=True) + b"\n", packed=packed)
    assert list(events.read(path, ImportOptions())) == [
        Row(str(path), 1, (event(1),)),
        Row(str(path), 2, (event(2, historical=True),)),
    ]


def test_options_overrule_what_the_lines_say(tmp_path: Path) -> None:
    path = write(tmp_path / "f.jsonl", line(1))
    (row,) = events.read(path, ImportOptions(tenant="t", source="s", historical=True))
    assert row == Row(str(path), 1, (event(1, tenant="t", source="s", historical=True),))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"", "an empty line"),
        (b"   ", "an empty line"),
        (b"\xff\xfe", "not JSON in UTF-8"),
        (line(1)[:-1], "not JSON in UTF-8"),
        (line(1).replace(b'"channel":"live_chat",', b""), "Object missing required field `channel`"),
        (line(1).replace(b'"live_chat"', b'"pigeon"'), "Expected one of email, live_chat, "),
        (line(1)[:-1] + b',"mood":"good"}', "Object contains unknown field `mood`"),
        (b"[" * 100_000, "Expected `object`, got `array`"),
        (b"{" + b" " * 10_000_000 + b"}", "a line of 10,000,003 bytes"),
    ],
    ids=["blank", "spaces", "encoding", "cut", "missing", "enum", "unknown", "deep", "10 MB"],
)
def test_a_bad_line_is_refused_and_the_next_one_read(tmp_path: Path, bad: bytes, reason: str) -> None:
    path = write(tmp_path / "f.jsonl", line(1) + b"\n" + bad + b"\n" + line(3) + b"\n")
    first, refusal, third = events.read(path, ImportOptions())
    assert (first, third) == (Row(str(path), 1, (event(1),)), Row(str(path), 3, (event(3),)))
    assert isinstance(refusal, Refusal)
    assert (refusal.file, refusal.line) == (str(path), 2)
    assert refusal.reason.startswith(reason)
