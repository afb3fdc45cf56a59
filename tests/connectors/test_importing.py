"""The import: every row imported or refused, and the report says which."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connectors.importers.rows import ImportOptions
from connectors.importing import FORMATS, KEPT_REFUSALS, ImportReport, import_files, read_rows
from schemas.errors import InvalidEvent, SupportpulseError
from schemas.records import InteractionEvent
from tests.connectors.samples import T0, EventList, event, line, write


def test_rows_are_imported_or_refused_across_files(tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", line(3) + b"\n\n" + line(1) + b"\n")
    second = write(tmp_path / "b.jsonl", b"nonsense\n" + line(2))
    published = EventList()
    report = import_files([first, second, tmp_path / "missing"], "events", published)
    assert published == [event(3), event(1), event(2)]
    assert (report.rows, report.imported, report.refused_count, report.events) == (6, 3, 3, 3)
    assert [(Path(refusal.file).name, refusal.line) for refusal in report.refused] == [
        ("a.jsonl", 2),
        ("b.jsonl", 1),
        ("missing", 0),
    ]
    assert (report.first_occurred_at, report.last_occurred_at) == (T0 + 1, T0 + 3)


def test_an_empty_file_imports_nothing(tmp_path: Path) -> None:
    report = import_files([write(tmp_path / "f", b"")], "events", EventList())
    assert report == ImportReport()


def test_all_refusals_are_counted_and_written_but_only_some_are_kept(tmp_path: Path) -> None:
    count = KEPT_REFUSALS + 500
    path = write(tmp_path / "f.jsonl", b"nonsense\n" * count)
    report = import_files([path], "events", EventList(), refusals_path=tmp_path / "refused.jsonl")
    assert (report.refused_count, len(report.refused)) == (count, KEPT_REFUSALS)
    written = [json.loads(text) for text in (tmp_path / "refused.jsonl").read_text().splitlines()]
    assert [entry["line"] for entry in written] == list(range(1, count + 1))
    assert written[0].keys() == {"file", "line", "reason"}


def test_refusals_that_cannot_be_written_end_the_import_before_it_begins(tmp_path: Path) -> None:
    published = EventList()
    with pytest.raises(SupportpulseError, match="refusals cannot be written to"):
        import_files([write(tmp_path / "f", line())], "events", published, refusals_path=tmp_path / "no" / "folder")
    assert published == []


def test_progress_is_told_now_and_then_and_at_the_end(tmp_path: Path) -> None:
    path = write(tmp_path / "f.jsonl", b"\n".join(line(number) for number in range(2500)))
    seen: list[int] = []
    import_files([path], "events", EventList(), progress=lambda report: seen.append(report.rows))
    assert seen == [1000, 2000, 2500]


def test_a_row_the_publisher_cannot_carry_is_refused(tmp_path: Path) -> None:
    class Picky(EventList):
        def publish(self, event: InteractionEvent) -> None:
            if event.event_id == "e1":
                raise InvalidEvent("not this one")
            super().publish(event)

    path = write(tmp_path / "f.jsonl", line(0) + b"\n" + line(1) + b"\n" + line(2))
    published = Picky()
    report = import_files([path], "events", published)
    assert [one.event_id for one in published] == ["e0", "e2"]
    assert [(refusal.file, refusal.line, refusal.reason) for refusal in report.refused] == [
        (str(path), 2, "not this one")
    ]


def test_what_the_publisher_raises_otherwise_ends_the_import(tmp_path: Path) -> None:
    class Down(EventList):
        def publish(self, event: InteractionEvent) -> None:
            raise SupportpulseError("the broker is gone")

    with pytest.raises(SupportpulseError, match="the broker is gone"):
        import_files([write(tmp_path / "f.jsonl", line())], "events", Down())


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SupportpulseError, match="the formats are events, uci_incidents, ibm_twitter, twitter_threads"):
        list(read_rows([], "excel", ImportOptions()))


_MAPPING = (
    b"event: {conversation_id: c, type: {value: message}, occurred_at: t, channel: {value: email}, actor.kind: k}"
)


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\x00\n\xfe", b"a,b\n1,2\n", b"[]\n{}\n", b"x" * 2_000_000])
def test_no_format_stumbles_over_strange_files(tmp_path: Path, format_name: str, content: bytes) -> None:
    published = EventList()
    mapping = write(tmp_path / "mapping.yaml", _MAPPING)
    options = ImportOptions(mapping=mapping)
    report = import_files([write(tmp_path / "f", content)], format_name, published, options)
    assert (report.imported, published) == (0, [])
    assert report.rows == report.refused_count
