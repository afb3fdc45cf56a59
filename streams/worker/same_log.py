"""Whether the log of a partition is the one of which its state knows.

A topic that was deleted and made anew begins its offsets again. Its new records would lie where others have been
applied, and be passed over as these, without a word.
"""

from __future__ import annotations

from aiokafka import TopicPartition
from faust.types import TP

from schemas.errors import SupportpulseError
from schemas.times import EpochMs
from streams.worker.reading import reader

#: Enough for a record; of a batch that is larger, Kafka sends all.
_FETCH_BYTES = 64 * 1024
_FETCH_SECONDS = 1.0
#: A record that is there comes with the first fetch, unless the broker is slow.
_FETCHES = 5


class LogBegunAnew(SupportpulseError):
    """The log is not the one that was applied. Nothing was sent or committed; says what to do."""


async def check(bootstrap: str, tp: TP, applied: int, applied_ms: EpochMs | None) -> None:
    """Raises `LogBegunAnew` unless the log has had a record at offset `applied`, published at `applied_ms`.

    `applied_ms` is None where that is not known. What the log has deleted at its beginning is beyond doubt.
    """
    place = TopicPartition(tp.topic, tp.partition)
    async with reader(bootstrap, place, _FETCH_BYTES) as consumer:
        consumer.seek(place, applied)
        for _ in range(_FETCHES):
            fetched = await consumer.getmany(place, timeout_ms=int(_FETCH_SECONDS * 1000), max_records=1)
            for record in fetched.get(place, ()):
                if record.offset > applied or (record.offset == applied and applied_ms in (None, record.timestamp)):
                    return
                raise _anew(tp, applied)
        if (await consumer.end_offsets([place]))[place] <= applied:
            raise _anew(tp, applied)


def _anew(tp: TP, applied: int) -> LogBegunAnew:
    return LogBegunAnew(
        f"{tp.topic}/{tp.partition} is not the log whose offsets up to {applied} have been applied: the topic was "
        "deleted and made anew, or its end was lost. What is new in it would be taken for what was there before: see "
        "'A log that was made anew' in docs/operations.md"
    )
