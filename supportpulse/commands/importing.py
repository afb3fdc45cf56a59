"""`supportpulse import`: files to Kafka."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.importers import mailboxes, mapped
from connectors.importers.rows import ImportOptions
from connectors.importing import FORMATS, ImportReport, import_files
from connectors.producer import EventPublisher, bulk
from schemas.errors import SupportpulseError
from supportpulse import reach
from supportpulse.data_dir import DataDir
from supportpulse.settings import Settings


def options_of(
    tenant: str | None, source: str | None, timezone: str, mapping: Path | None = None, own: Sequence[str] = ()
) -> ImportOptions:
    """What the command line says about rows that do not say it themselves."""
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise SupportpulseError(f"{timezone!r} is no IANA time zone, like Asia/Riyadh") from exc
    return ImportOptions(tenant=tenant, source=source, timezone=zone, mapping=mapping, own=frozenset(own))


def check(files: Sequence[Path], format_name: str, options: ImportOptions) -> None:
    """Raises `SupportpulseError` for what cannot work, before anything is started.

    That is an unknown format, a file that is not there, and a mapping that is missing or makes no sense.
    """
    if format_name not in FORMATS:
        raise SupportpulseError(f"no format is called {format_name!r}: the formats are {', '.join(FORMATS)}")
    # A mailbox may be a folder.
    reach.check_files([path for path in files if not (format_name == mailboxes.FORMAT and path.is_dir())])
    if format_name == mapped.FORMAT:
        mapped.mapping_of(options)


def broker_of(settings: Settings) -> str:
    """The broker that was named, else the one of the `up` that runs on the data directory, else the usual address."""
    running = DataDir(settings.data_dir).broker
    if settings.named_kafka is None and running.exists():
        return running.read_text(encoding="ascii").strip()
    return settings.kafka


def publish(
    kafka: str, files: Sequence[Path], format_name: str, options: ImportOptions, refusals: Path | None
) -> ImportReport:
    """Publish every usable row; returns when Kafka has them all."""
    reach.check_kafka(kafka)
    with EventPublisher(bulk(kafka)) as publisher:
        return import_files(files, format_name, publisher, options, refusals_path=refusals)
