"""`supportpulse sql`: a question to the ClickHouse of a deployment, whoever runs it."""

from __future__ import annotations

import msgspec

from schemas.errors import SupportpulseError
from sinks.clickhouse import endpoint
from sinks.clickhouse.database import Answer
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.server import ServerDatabase
from sinks.errors import EndpointUnavailable, PathInUse
from supportpulse.data_dir import DataDir
from supportpulse.settings import Settings


def ask(settings: Settings, statement: str, output_format: str) -> bytes:
    """The answer in ClickHouse's `output_format`. A server is asked for TabSeparated or JSONEachRow only."""
    if settings.embedded:
        return _ask_embedded(settings, statement, output_format)
    printers = {"TabSeparated": _tab_separated, "JSONEachRow": _json_each_row}
    printer = printers.get(output_format)
    if printer is None:
        raise SupportpulseError(
            f"a server is asked for {' or '.join(printers)}, not {output_format}: for others use clickhouse-client"
        )
    database = ServerDatabase(settings.clickhouse)
    try:
        return printer(database.query(statement))
    finally:
        database.close()


def _tab_separated(answer: Answer) -> bytes:
    return "".join(
        "\t".join("\\N" if value is None else str(value) for value in row) + "\n" for row in answer.rows
    ).encode()


def _json_each_row(answer: Answer) -> bytes:
    encode = msgspec.json.Encoder(enc_hook=str).encode
    return b"".join(encode(dict(zip(answer.names, row, strict=True))) + b"\n" for row in answer.rows)


def _ask_embedded(settings: Settings, statement: str, output_format: str) -> bytes:
    """The answer as ClickHouse prints it: from the `up` that runs on the data directory, else by opening it."""
    data_dir = DataDir(settings.data_dir)
    if not data_dir.exists:
        raise SupportpulseError(
            f"there is no data in {data_dir.root}: run `supportpulse up` first, or name its --data-dir"
        )
    try:
        return endpoint.ask(data_dir.root, statement, output_format)
    except EndpointUnavailable:
        database = _opened(data_dir)
    try:
        return database.raw(statement, output_format)
    finally:
        database.close()


def _opened(data_dir: DataDir) -> EmbeddedDatabase:
    try:
        return EmbeddedDatabase(data_dir.clickhouse, readonly=True)
    except PathInUse as exc:
        raise SupportpulseError(
            f"{exc.detail}, which answers no questions yet: ask again in a moment, when `up` runs, or when it has ended"
        ) from exc
