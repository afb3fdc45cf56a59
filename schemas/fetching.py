"""aiokafka's fetches, whose records are small ones of our own from the start.

A `ConsumerRecord` has eleven fields, of which the pipeline wants four; making one costs as much as landing a row may.
Pinned to aiokafka 0.14.0; `tests/schemas/test_fetching.py` holds it to what the consumer says without this.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

from aiokafka.consumer.fetcher import FetchResult, PartitionRecords

from schemas.times import EpochMs

#: Offset, timestamp, key and value → a record.
Make = Callable[[int, EpochMs, "bytes | None", "bytes | None"], Any]


class Places:
    """Where in their partitions the records lie that `getmany` gave last."""

    def __init__(self) -> None:
        self._runs: dict[Any, _Run] = {}

    def begin(self, partition: Any, offset: int) -> _Run:
        """Records from `offset` on are being handed over. Fetches that had none, only marks, are part of it."""
        run = self._runs.get(partition)
        if run is None or run.ends != offset:
            run = self._runs[partition] = _Run(offset)
        run.ends = None
        return run

    def take(self, partition: Any, records: Sequence[Any]) -> tuple[int, int]:
        """The first offset of the records that `getmany` has just given, and the next one behind them. To be asked
        once, before anything else is awaited.
        """
        run = self._runs.pop(partition)
        return run.begins, records[-1].offset + 1 if run.ends is None else run.ends


class _Run:
    __slots__ = ("begins", "ends")

    def __init__(self, begins: int) -> None:
        self.begins = begins
        #: The offset behind a fetch that has been handed over whole.
        self.ends: int | None = None


def fetch_lean(consumer: Any, make: Make) -> Places:
    """From now on a started consumer's `getmany` gives what `make` makes."""
    fetcher = consumer._fetcher
    found = _LeanResults(make)
    for partition, result in fetcher._records.items():
        found[partition] = result
    fetcher._records = found
    return found.places


class _LeanResults(OrderedDict[Any, Any]):
    """What was fetched of each partition and not yet handed over."""

    def __init__(self, make: Make) -> None:
        super().__init__()
        self._make = make
        self.places = Places()

    def __setitem__(self, partition: Any, result: Any) -> None:
        if isinstance(result, FetchResult) and result.has_more():
            records = result._partition_records
            records.__class__ = _LeanRecords
            records.make = self._make
            records.places = self.places
        super().__setitem__(partition, result)


class _LeanRecords(PartitionRecords):  # type: ignore[misc]
    make: Make
    places: Places

    def __iter__(self) -> Iterator[Any]:
        run = self.places.begin(self._tp, self.next_fetch_offset)
        return chain(self._records_iterator, self._end(run))

    def _end(self, run: _Run) -> Iterator[Any]:
        run.ends = self.next_fetch_offset
        yield from ()

    def _consumer_record(self, tp: Any, record: Any) -> Any:  # noqa: ARG002
        return self.make(record.offset, record.timestamp, record.key, record.value)
