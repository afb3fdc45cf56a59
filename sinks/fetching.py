"""aiokafka's fetches, whose records are `SourceRecord`s from the start.

A `ConsumerRecord` has eleven fields, of which the sink wants four; making one costs as much as landing a row may.
Pinned to aiokafka 0.14.0; `tests/sinks/test_fetching.py` holds it to what the consumer says without this.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer.fetcher import FetchResult, PartitionRecords

from sinks.source import SourceRecord


def fetch_lean(consumer: Any) -> None:
    """From now on a started consumer's `getmany` gives `SourceRecord`s."""
    fetcher = consumer._fetcher
    found = _LeanResults()
    for partition, result in fetcher._records.items():
        found[partition] = result
    fetcher._records = found


class _LeanResults(OrderedDict[Any, Any]):
    """What was fetched of each partition and not yet handed over."""

    def __setitem__(self, partition: Any, result: Any) -> None:
        if isinstance(result, FetchResult) and result.has_more():
            result._partition_records.__class__ = _LeanRecords
        super().__setitem__(partition, result)


class _LeanRecords(PartitionRecords):  # type: ignore[misc]
    def __iter__(self) -> Iterator[Any]:
        records: Iterator[Any] = self._records_iterator
        return records

    def _consumer_record(self, tp: Any, record: Any) -> SourceRecord:  # noqa: ARG002
        return SourceRecord(record.offset, record.timestamp, record.key, record.value)
