"""aiokafka's fetches, whose records are small ones of our own from the start.

A `ConsumerRecord` has eleven fields, of which the pipeline wants four; making one costs as much as landing a row may.
Pinned to aiokafka 0.14.0; `tests/schemas/test_fetching.py` holds it to what the consumer says without this.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from aiokafka.consumer.fetcher import READ_UNCOMMITTED, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException

from schemas.times import EpochMs

#: Offset, timestamp, key and value → a record.
Make = Callable[[int, EpochMs, "bytes | None", "bytes | None"], Any]


def fetch_lean(consumer: Any, make: Make) -> None:
    """From now on a started consumer's `getmany` gives what `make` makes. One that reads only what was committed of
    transactions keeps its own records.
    """
    fetcher = consumer._fetcher
    found = _LeanResults(make)
    for partition, result in fetcher._records.items():
        found[partition] = result
    fetcher._records = found


class _LeanResults(OrderedDict[Any, Any]):
    """What was fetched of each partition and not yet handed over."""

    def __init__(self, make: Make) -> None:
        super().__init__()
        self._make = make

    def __setitem__(self, partition: Any, result: Any) -> None:
        if isinstance(result, FetchResult) and result.has_more():
            records = result._partition_records
            if records._isolation_level == READ_UNCOMMITTED:
                records.__class__ = _LeanRecords
                records._records_iterator = _unpacked(records, self._make)
        super().__setitem__(partition, result)


class _LeanRecords(PartitionRecords):  # type: ignore[misc]
    def __iter__(self) -> Iterator[Any]:
        records: Iterator[Any] = self._records_iterator
        return records


def _unpacked(fetched: Any, make: Make) -> Iterator[Any]:
    """`PartitionRecords._unpack_records` of a consumer that asks for no transactions."""
    batches, check = fetched._records, fetched._check_crcs
    while batches.has_next():
        batch = batches.next_batch()
        if check and not batch.validate_crc():
            raise CorruptRecordException(f"Invalid CRC - {fetched._tp}")
        if not batch.is_control_batch:
            for record in batch:
                offset = record.offset
                # A batch is fetched whole, also for a place in the middle of it.
                if offset >= fetched.next_fetch_offset:
                    fetched.next_fetch_offset = offset + 1
                    yield make(offset, record.timestamp, record.key, record.value)
        # Behind what compaction has taken from the end of it.
        fetched.next_fetch_offset = batch.next_offset
