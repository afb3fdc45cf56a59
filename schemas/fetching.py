"""aiokafka's fetches, whose records are small ones of our own from the start.

A `ConsumerRecord` has eleven fields, of which the pipeline wants four; making one costs as much as landing a row may.
Pinned to aiokafka 0.14.0; `tests/schemas/test_fetching.py` holds it to what the consumer says without this.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from aiokafka.consumer.fetcher import FetchResult, PartitionRecords

from schemas.times import EpochMs

#: Offset, timestamp, key and value → a record.
Make = Callable[[int, EpochMs, "bytes | None", "bytes | None"], Any]


def fetch_lean(consumer: Any, make: Make) -> None:
    """From now on a started consumer's `getmany` gives what `make` makes."""
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
            records.__class__ = _LeanRecords
            records.make = self._make
        super().__setitem__(partition, result)


class _LeanRecords(PartitionRecords):  # type: ignore[misc]
    make: Make

    def __iter__(self) -> Iterator[Any]:
        records: Iterator[Any] = self._records_iterator
        return records

    def _consumer_record(self, tp: Any, record: Any) -> Any:  # noqa: ARG002
        return self.make(record.offset, record.timestamp, record.key, record.value)
