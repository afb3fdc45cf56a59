"""E-mail in files: a message (`.eml`), an mbox, or a Maildir, each message as `connectors.channels.mail` reads it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from connectors.channels.base import Delivery, Parsed, Source, in_its_name
from connectors.channels.mail import Mail, MailOptions, read_mail, tell
from connectors.importers.lines import opened
from connectors.importers.rows import Ignored, ImportOptions, Origin, Outcome, Refusal, Row, Unread
from schemas.errors import InvalidEvent, Refused

FORMAT = "email"
#: Larger messages are refused; what makes them large is attachments.
MAX_MESSAGE_BYTES = 64 << 20
_CHUNK_BYTES = 1 << 20


def read(path: Path, options: ImportOptions) -> Iterator[Outcome]:
    """A row per message; its line is where the message begins in the file."""
    origin = Origin.of(FORMAT, options)
    source = Source(origin.source, origin.tenant, MailOptions(own=options.own))
    for file, line, raw in _messages(path):
        if isinstance(raw, Refusal):
            yield raw
            continue
        try:
            yield _outcome(file, line, read_mail(raw), source, historical=origin.historical)
        except Refused as exc:
            yield Refusal(str(file), line, exc.detail)


def _outcome(file: Path, line: int, mail: Mail, source: Source[MailOptions], *, historical: bool) -> Outcome:
    if mail.date_ms is None and mail.received_ms is None:
        raise InvalidEvent("neither Date nor Received says when the message was sent")
    parsed = Parsed()
    # Nobody received this just now: without a receipt in the header, the message's own date has to do.
    tell(mail, Delivery("POST", "", {}, b"", mail.received_ms or mail.date_ms or 0), source, parsed)
    if not parsed.events:
        return Ignored(str(file), line, parsed.ignored[0])
    return Row(
        str(file),
        line,
        tuple(
            msgspec.structs.replace(in_its_name(each, source), ingested_at=None, historical=historical)
            for each in parsed.events
        ),
    )


def _messages(path: Path) -> Iterator[tuple[Path, int, bytes | Refusal]]:
    if not path.is_dir():
        yield from _in_file(path)
        return
    # A Maildir keeps messages in `new` and `cur`; a plain folder of messages will do as well.
    folders = [folder for folder in (path / "new", path / "cur") if folder.is_dir()] or [path]
    for folder in folders:
        for file in sorted(each for each in folder.iterdir() if each.is_file()):
            yield from _in_file(file)


def _in_file(path: Path) -> Iterator[tuple[Path, int, bytes | Refusal]]:
    """The messages of a file: one, or those of an mbox, which begins with an envelope line."""
    held: list[bytes] = []
    size, first, number = 0, 1, 0
    is_mbox, blank = False, True
    try:
        with opened(path) as stream:
            while data := stream.readline(_CHUNK_BYTES):
                number += 1
                is_mbox = is_mbox or (number == 1 and data.startswith(b"From "))
                if is_mbox and blank and number > 1 and data.startswith(b"From "):
                    yield path, first, _whole(path, first, held, size)
                    held, size, first = [], 0, number
                blank = data in {b"\n", b"\r\n"}
                size += len(data)
                if size <= MAX_MESSAGE_BYTES:
                    # mboxrd puts a mark in front of lines that would look like an envelope.
                    held.append(
                        data[1:] if is_mbox and data.lstrip(b">").startswith(b"From ") and data[:1] == b">" else data
                    )
    except (OSError, EOFError, zlib.error) as exc:
        cause = getattr(exc, "strerror", None) or str(exc)
        yield path, 0, Unread(str(path), 0, f"the file cannot be read: {cause}")
        return
    yield path, first, _whole(path, first, held, size)


def _whole(path: Path, line: int, held: list[bytes], size: int) -> bytes | Refusal:
    if size > MAX_MESSAGE_BYTES:
        return Refusal(str(path), line, f"a message of {size:,} bytes: at most {MAX_MESSAGE_BYTES:,} are read")
    return b"".join(held)
