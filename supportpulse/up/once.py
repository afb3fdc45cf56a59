"""`supportpulse up --once`: files through the whole pipeline, until everything has landed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.importers.rows import ImportOptions
from connectors.importing import ImportReport, import_files
from connectors.producer import EventPublisher, bulk
from schemas import times
from schemas.times import EpochMs
from supportpulse.settings import Settings
from supportpulse.up.children import drain_worker
from supportpulse.up.landing import sink_of
from supportpulse.up.stack import Stack, running_stack


@dataclass(frozen=True, slots=True)
class OnceOptions:
    """What the command line says."""

    events: Sequence[Path]
    format_name: str = "events"
    policies: Path | None = None
    as_of_ms: EpochMs | None = None
    kafka: str | None = None
    import_options: ImportOptions | None = None
    refusals: Path | None = None
    rewrite_policies: bool = False


def run_once(settings: Settings, options: OnceOptions, say: Callable[[str], None]) -> ImportReport:
    """Import, process, land. `say` hears of every step; the report accounts for every row."""
    with running_stack(
        settings, kafka=options.kafka, policies=options.policies, rewrite_policies=options.rewrite_policies
    ) as stack:
        with EventPublisher(bulk(stack.kafka)) as publisher:
            report = import_files(
                options.events,
                options.format_name,
                publisher,
                options.import_options,
                refusals_path=options.refusals,
            )
            publisher.flush()
        say(f"published {report.events:,} events of {report.imported:,} rows; refused {report.refused_count:,} rows")
        process_and_land(stack, publisher.offsets, options.as_of_ms, report, say)
    return report


def process_and_land(
    stack: Stack,
    offsets: dict[int, int],
    as_of_ms: EpochMs | None,
    report: ImportReport,
    say: Callable[[str], None],
) -> None:
    """Everything published so far, through worker and sink into ClickHouse."""
    judged_ms = next((at for at in (as_of_ms, report.last_occurred_at) if at is not None), times.now_ms())
    stack.restore(judged_ms)
    began = time.monotonic()
    # The sink joins its group and lands what there is while the worker is still at work.
    sink = sink_of(stack, metrics_port=0)
    try:
        sink.start()
        drain_worker(stack, offsets, judged_ms)
        say(f"processed in {time.monotonic() - began:.1f} s")
        sink.drain()
    finally:
        sink.stop()
    say(f"landed in ClickHouse after {time.monotonic() - began:.1f} s")
