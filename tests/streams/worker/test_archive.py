"""Bringing back what a chunk needs: asked for in pieces, again and again, for as long as it is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import pytest

from schemas.records import InteractionEvent
from sinks.clickhouse.database import Database
from sinks.errors import ConnectionLost
from streams.partition.store import Entry
from streams.worker import archive as module
from streams.worker.archive import ArchiveAway, Name, bring_back
from supportpulse.archive import ClickHouseArchive
from tests.streams.partition.harness import records
from tests.streams.partition.leaving import LeavingPartition, archived
from tests.streams.stories import story

DONE = story(
    """
    09:00 customer message
    09:20 ana resolved
    """
)
TOLD = [msgspec.structs.replace(event, conversation_id=f"c{n}") for n in range(7) for event in DONE]
LOG = records(TOLD)
LATE = records([msgspec.structs.replace(event, event_id="late") for event in TOLD], first=len(TOLD))


class Answers:
    """An archive that gives these answers first, and the right ones from then on."""

    def __init__(self, *first: ArchiveAway | Mapping[Name, Sequence[InteractionEvent]]) -> None:
        self._first = list(first)
        self.asked: list[int] = []

    async def events(self, names: Sequence[Name], through: int) -> Mapping[Name, Sequence[InteractionEvent]]:
        self.asked.append(len(names))
        if self._first:
            answer = self._first.pop(0)
            if isinstance(answer, ArchiveAway):
                raise answer
            return answer
        return {name: archived([*LOG, *LATE], name, through) for name in names}


@pytest.fixture
def partition(monkeypatch: pytest.MonkeyPatch) -> LeavingPartition:
    """Seven conversations, all of which have left."""
    monkeypatch.setattr(module, "_AT_ONCE", 3)
    monkeypatch.setattr(module, "_FIRST_WAIT_SECONDS", 0.001)
    made = LeavingPartition(LOG)
    made.feed(LOG)
    made.feed([])
    assert len(made.store.left) == 7
    return made


async def test_everything_that_the_records_need_comes_back(partition: LeavingPartition) -> None:
    archive, kept = Answers(), list[Entry]()
    assert await bring_back(archive, partition.store, [*LOG, *LATE], kept.extend, lambda: True)
    assert archive.asked == [3, 3, 1]
    assert {entry.key for entry in kept} == set(partition.store.heads)
    assert (len(partition.store.heads), len(partition.store.left)) == (7, 0)


async def test_it_asks_again_until_it_has_all_the_events(partition: LeavingPartition) -> None:
    name = ("acme", "c0")
    archive = Answers(ArchiveAway("not there"), {}, {name: archived(LOG, name, 0)})
    assert await bring_back(archive, partition.store, LATE[:2], lambda entries: None, lambda: True)
    assert archive.asked == [1, 1, 1, 1]
    assert len(partition.store.heads) == 1


async def test_it_gives_up_when_the_partition_is_gone(partition: LeavingPartition) -> None:
    still = iter([True, True, False])
    archive = Answers(*[ArchiveAway("not there")] * 9)
    assert not await bring_back(archive, partition.store, LATE, lambda entries: None, lambda: next(still))
    assert partition.store.heads == {}

    # Taken away while it was being read: nothing of it may be put into the store.
    still = iter([True, False])
    assert not await bring_back(Answers(), partition.store, LATE, lambda entries: None, lambda: next(still))
    assert partition.store.heads == {}


async def test_what_keeps_clickhouse_from_answering_is_said_and_it_is_connected_anew() -> None:
    attempts = []

    def connect() -> Database:
        attempts.append(1)
        raise ConnectionLost("nobody answers at clickhouse:9000")

    archive = ClickHouseArchive(connect)
    for _ in range(2):
        with pytest.raises(ArchiveAway, match="nobody answers at clickhouse:9000"):
            await archive.events([("acme", "c0")], 5)
    assert len(attempts) == 2
    assert await archive.events([("acme", "c0")], -1) == {}, "nothing of the log had been applied"
