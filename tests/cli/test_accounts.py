"""What an import says at its end, and when its status says that something is missing."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from connectors.importers.rows import ImportOptions
from connectors.importing import import_files
from supportpulse.commands.accounts import ImportLost, account_for
from tests.connectors.samples import EventList, line, write

_GOOD = b"".join(line(number) + b"\n" for number in range(2_000))
_HEADER = b"tweet_id,author_id,inbound,created_at,characters,"
_MAPPING = (
    b"event: {conversation_id: c, type: {value: message}, occurred_at: t, channel: {value: email}, actor.kind: k}"
)


def account(path: Path, format_name: str, tmp_path: Path) -> list[str]:
    """What is said. Raises `ImportLost`."""
    said: list[str] = []
    options = ImportOptions(mapping=write(tmp_path / "mapping.yaml", _MAPPING))
    good = write(tmp_path / "good.jsonl", _GOOD) if format_name == "events" else path
    account_for(import_files([path, good], format_name, EventList(), options), said.append)
    return said


@pytest.mark.parametrize(
    ("content", "format_name", "says"),
    [
        (_HEADER + b"reply_to\n1,a,True,,3,\n", "twitter_threads", "2 files were not read to the end"),
        (b"a,b\n1,2\n", "mapped", "2 files were not read to the end"),
        (b'c,t,k\n"1,2,3\n1,2,3\n', "mapped", "2 files were not read to the end"),
        (gzip.compress(_GOOD)[:-2_000], "events", "1 file was not read to the end"),
        (gzip.compress(b"Subject: x\n\n" * 9_000)[:-20], "email", "2 files were not read to the end"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xff\xff", "email", "2 files were not read to the end"),
        (_GOOD.decode().encode("utf-16"), "events", "1 file was not read to the end"),
        (b"1,2,3\n", "ibm_twitter", "nothing was imported"),
    ],
)
def test_a_file_that_is_lost_as_a_whole_is_told_at_the_end(
    tmp_path: Path, content: bytes, format_name: str, says: str
) -> None:
    with pytest.raises(ImportLost, match=says):
        account(write(tmp_path / "f", content), format_name, tmp_path)


def test_rows_that_are_refused_are_no_failure(tmp_path: Path) -> None:
    said = account(write(tmp_path / "f", b"nonsense\n\n"), "events", tmp_path)
    assert said[-1] == "2,002 rows: 2,000 imported as 2,000 events, 2 refused"


def test_an_empty_file_is_no_failure(tmp_path: Path) -> None:
    assert account(write(tmp_path / "f", b""), "ibm_twitter", tmp_path) == ["0 rows: 0 imported as 0 events, 0 refused"]
