"""Asterisk's log as a file: the same events as by post, however often it is read."""

from __future__ import annotations

from pathlib import Path

from connectors.importers import queue_log
from connectors.importers.rows import Ignored, ImportOptions, Refusal, Row
from connectors.importing import import_files
from tests.connectors.channels.case import SECRET, Sample
from tests.connectors.channels.vendors.asterisk import CASE, lines
from tests.connectors.samples import EventList, write

LOG = lines(
    "0|77.1|support|NONE|ENTERQUEUE||5550100|1",
    "20|77.1|support|PJSIP/11|RINGNOANSWER|15000",
    "30|77.1|support|PJSIP/12|CONNECT|30|77.2|5",
    "40|77.1|support|NONE|LEVITATE",
    "150|77.1|support|PJSIP/12|COMPLETECALLER|30|120|1",
)


def test_every_line_is_accounted_for(tmp_path: Path) -> None:
    found = list(queue_log.read(write(tmp_path / "queue_log", LOG), ImportOptions(tenant="acme")))
    assert [type(each) for each in found] == [Row, Ignored, Row, Refusal, Row]
    assert [each.line for each in found] == [1, 2, 3, 4, 5]


def test_a_log_that_has_grown_gives_what_it_gave_and_more(tmp_path: Path) -> None:
    half = LOG[: LOG.index(b"LEVITATE")].rpartition(b"\n")[0] + b"\n"
    before, after = EventList(), EventList()
    import_files([write(tmp_path / "queue_log", half)], "asterisk_queue_log", before)
    import_files([write(tmp_path / "queue_log", LOG, packed=True)], "asterisk_queue_log", after)
    assert after[: len(before)] == before
    assert len(after) == len(before) + 2


def test_the_file_and_the_post_tell_the_same_events(tmp_path: Path) -> None:
    by_file = EventList()
    import_files([write(tmp_path / "queue_log", LOG)], "asterisk_queue_log", by_file)
    by_post = CASE.connector.parse(CASE.sign(Sample("x", LOG), SECRET), CASE.source()).events
    assert [(each.event_id, each.sequence) for each in by_file] == [(each.event_id, each.sequence) for each in by_post]
    assert all(each.historical for each in by_file)
