"""Lines and tables: numbered from 1, bounded in memory, and never a crash."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest

from connectors.importers.lines import MAX_CELL_CHARACTERS, Cells, Line, read_lines, read_table
from connectors.importers.rows import Refusal, Unread
from schemas.documents import MAX_EVENT_BYTES
from tests.connectors.samples import write


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_lines_are_numbered_and_lose_their_ends(tmp_path: Path, packed: bool, end: bytes) -> None:
    path = write(tmp_path / "f", end.join([b"one", b"", b"three"]), packed=packed)
    assert list(read_lines(path)) == [Line(1, b"one"), Line(2, b""), Line(3, b"three")]


@pytest.mark.parametrize("packed", [False, True])
def test_an_empty_file_has_no_lines(tmp_path: Path, packed: bool) -> None:
    assert list(read_lines(write(tmp_path / "f", b"", packed=packed))) == []


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    assert list(read_lines(write(tmp_path / "f", b"\xef\xbb\xbfone\n"))) == [Line(1, b"one")]


def test_the_longest_line_allowed_is_read(tmp_path: Path) -> None:
    longest = b"x" * MAX_EVENT_BYTES
    assert list(read_lines(write(tmp_path / "f", longest + b"\r\n" + longest))) == [Line(1, longest), Line(2, longest)]


def test_a_line_of_ten_megabytes_is_refused_and_the_next_one_read(tmp_path: Path) -> None:
    path = write(tmp_path / "f", b"one\n" + b"x" * 10_000_000 + b"\nthree\n" + b"y" * 10_000_000)
    one, long, three, last = read_lines(path)
    assert (one, three) == (Line(1, b"one"), Line(3, b"three"))
    assert isinstance(long, Refusal)
    assert (long.line, long.file) == (2, str(path))
    assert "10,000,001 bytes" in long.reason
    assert isinstance(last, Refusal)
    assert last.line == 4


def test_a_long_line_is_never_held_in_memory(tmp_path: Path) -> None:
    path = write(tmp_path / "f", b"x" * 30_000_000)
    tracemalloc.start()
    try:
        list(read_lines(path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 * MAX_EVENT_BYTES


def test_a_missing_file_is_refused_as_a_whole(tmp_path: Path) -> None:
    (refusal,) = read_lines(tmp_path / "missing")
    assert isinstance(refusal, Refusal)
    assert (refusal.line, refusal.reason) == (0, "the file cannot be read: No such file or directory")


def test_a_folder_is_refused_as_a_whole(tmp_path: Path) -> None:
    (refusal,) = read_lines(tmp_path)
    assert isinstance(refusal, Refusal)
    assert refusal.line == 0


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_broken_gzip_is_refused_where_it_breaks(tmp_path: Path, damage: str) -> None:
    content = bytearray(gzip.compress(b"".join(b"%d\n" % (n * 7919) for n in range(50_000))))
    if damage == "cut":
        content = content[: len(content) // 2]
    else:
        content[len(content) // 2] ^= 0xFF
    path = tmp_path / "f.gz"
    path.write_bytes(content)
    *_, last = read_lines(path)
    assert isinstance(last, Refusal)
    assert last.line > 0
    assert "breaks off" in last.reason


def test_cells_are_found_by_their_column(tmp_path: Path) -> None:
    path = write(tmp_path / "f", b'b,extra,a\n1,2,"3,4"\n')
    assert list(read_table(path, ["a", "b"])) == [Cells(2, {"b": "1", "extra": "2", "a": "3,4"})]


def test_of_two_columns_with_one_name_the_first_counts(tmp_path: Path) -> None:
    (cells,) = read_table(write(tmp_path / "f", b"a,a\n1,2\n"), ["a"])
    assert isinstance(cells, Cells)
    assert cells.values["a"] == "1"


def test_a_column_may_have_another_spelling(tmp_path: Path) -> None:
    (cells,) = read_table(write(tmp_path / "f", b"old\n1\n"), ["new"], {"old": "new"})
    assert isinstance(cells, Cells)
    assert cells.values == {"new": "1"}


def test_a_table_without_a_needed_column_is_refused_once(tmp_path: Path) -> None:
    path = write(tmp_path / "f", b"a,b\n1,2\n3,4\n")
    assert list(read_table(path, ["a", "c", "d"])) == [
        Unread(str(path), 1, "no column c, d: nothing of this file is read")
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"1", "1 cells where the header has 2"),
        (b"1,2,3", "3 cells where the header has 2"),
        (b"", "an empty line"),
        (b'1,"2', "not CSV"),
        (b"1,\xff", "not UTF-8: invalid start byte at byte 2"),
        (b"1," + b"x" * (MAX_CELL_CHARACTERS + 1), "a cell of more than 4,096 characters"),
    ],
)
def test_a_bad_row_is_refused_and_the_next_one_read(tmp_path: Path, row: bytes, reason: str) -> None:
    path = write(tmp_path / "f", b"a,b\n" + row + b"\n5,6\n")
    bad, good = read_table(path, ["a", "b"])
    assert isinstance(bad, Refusal)
    assert bad.line == 2
    assert bad.reason.startswith(reason)
    assert good == Cells(3, {"a": "5", "b": "6"})
