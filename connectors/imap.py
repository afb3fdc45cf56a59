"""Mailboxes over IMAP (RFC 3501): what has come since the last time, as events.

    poller = ImapPoller(ImapSettings(host="imap.acme.example", …), outlet, StateFile(Path("imap.json")))
    poller.poll()

A message is named by its `Message-ID`, so reading one again changes nothing. What was read is remembered by mailbox as
UIDVALIDITY and UID, and only after everything up to there is with the broker; a mailbox whose UIDVALIDITY is another
is read from its beginning. Nothing in the mailbox is changed: it is opened read-only, and no message becomes seen.
"""

from __future__ import annotations

import imaplib
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from connectors.channels.base import Source
from connectors.channels.mail import MailOptions
from connectors.channels.payloads import from_rfc2822
from connectors.marks import Mark, Outlet, PollReport, StateFile
from connectors.polled import IMAP, Piece
from schemas.checks import check_event
from schemas.errors import InvalidEvent, Refused, SupportpulseError
from schemas.times import EpochMs

#: Of a larger message only so much is fetched: the header and the text are at its beginning.
_MOST_BYTES = 1_000_000
#: Messages between two notes of how far we are.
_BATCH = 100
_DATE = re.compile(rb'INTERNALDATE "([^"]+)"')


class ImapError(SupportpulseError):
    """The server cannot be reached, or does not do what was asked. Nothing is lost: poll again."""


@dataclass(frozen=True, slots=True)
class ImapSettings:
    """An account. `mailboxes` are read one after the other: name the one with what was sent, too."""

    host: str
    user: str
    password: str = field(repr=False)
    port: int = 993
    tls: bool = True
    mailboxes: tuple[str, ...] = ("INBOX",)
    timeout_seconds: float = 30.0


class ImapPoller:
    """Reads what is new in an account's mailboxes. One connection per poll."""

    def __init__(
        self,
        settings: ImapSettings,
        source: Source[MailOptions],
        outlet: Outlet,
        state: StateFile,
        now_ms: Callable[[], EpochMs],
    ) -> None:
        self._settings, self._source, self._outlet, self._state = settings, source, outlet, state
        self._now_ms = now_ms

    def poll(self) -> PollReport:
        """Everything that has come since the last poll. Raises `ImapError`, and what the outlet raises."""
        report, marks = PollReport(), self._state.load()
        with _connected(self._settings) as client:
            for mailbox in self._settings.mailboxes:
                self._read(client, mailbox, marks, report)
        return report

    def _read(self, client: imaplib.IMAP4, mailbox: str, marks: dict[str, Mark], report: PollReport) -> None:
        uidvalidity = _opened(client, mailbox)
        known = marks.get(mailbox)
        valid = known is not None and known.generation == uidvalidity
        after = known.position if known is not None and valid else 0
        uids = _uids(client, after)
        history = max(uids, default=0) if known is None else known.history if valid else 0
        for start in range(0, len(uids), _BATCH):
            batch = uids[start : start + _BATCH]
            for uid in batch:
                raw, received_ms = _fetched(client, uid, self._now_ms())
                if raw is not None:
                    self._take(raw, received_ms, mailbox, report, historical=uid <= history)
            self._outlet.flush()
            marks[mailbox] = Mark(uidvalidity, batch[-1], history)
            self._state.save(marks)
        if not valid and not uids:
            marks[mailbox] = Mark(uidvalidity, 0)
            self._state.save(marks)

    def _take(self, raw: bytes, received_ms: EpochMs, mailbox: str, report: PollReport, *, historical: bool) -> None:
        report.read += 1
        piece = Piece(raw, self._source, received_ms, historical)
        try:
            parsed = piece.of_mail()
            for each in piece.events(parsed):
                check_event(each)
                self._outlet.publish(each)
        except Refused as exc:
            origin = f"{IMAP}/{self._source.name}/{mailbox}"
            self._outlet.park(piece.letter(origin, exc.reason, exc.detail, self._now_ms()))
            report.parked += 1
        else:
            report.events += len(parsed.events)
            report.ignored += len(parsed.ignored)


@contextmanager
def _connected(settings: ImapSettings) -> Iterator[imaplib.IMAP4]:
    where = f"{settings.host}:{settings.port}"
    try:
        client = (
            imaplib.IMAP4_SSL(
                settings.host, settings.port, ssl_context=ssl.create_default_context(), timeout=settings.timeout_seconds
            )
            if settings.tls
            else imaplib.IMAP4(settings.host, settings.port, timeout=settings.timeout_seconds)
        )
    except (OSError, imaplib.IMAP4.error) as exc:
        raise ImapError(f"no IMAP server answers at {where} ({exc}): is the name right, and the port?") from exc
    try:
        try:
            client.login(settings.user, settings.password)
        except imaplib.IMAP4.error as exc:
            # What the server says may repeat what it was told.
            raise ImapError(f"{where} does not let {settings.user} in: check the user and the password") from exc
        yield client
    except (OSError, imaplib.IMAP4.error) as exc:
        raise ImapError(f"the IMAP server at {where} broke off ({type(exc).__name__}): poll again") from exc
    finally:
        with suppress(OSError, imaplib.IMAP4.error):
            client.logout()


def _opened(client: imaplib.IMAP4, mailbox: str) -> int:
    """Opens a mailbox for reading alone; its UIDVALIDITY."""
    quoted = '"' + mailbox.replace("\\", "\\\\").replace('"', '\\"') + '"'
    kind, _ = client.select(quoted, readonly=True)
    if kind != "OK":
        raise ImapError(f"there is no mailbox {mailbox!r}: name one that the account has")
    _, found = client.response("UIDVALIDITY")
    value = found[0] if found else None
    if not isinstance(value, bytes) or not value.isdigit():
        raise ImapError("the server says no UIDVALIDITY, so nothing can be remembered of what was read")
    return int(value)


def _answered(client: imaplib.IMAP4, command: str, *arguments: str) -> list[Any]:
    """What a server answers to UID SEARCH or UID FETCH. Raises `ImapError` if it does not do it.

    imaplib itself raises for BAD alone, and a NO without data looks like a mailbox or a message that is empty.
    """
    kind, found = client.uid(command, *arguments)
    if kind != "OK":
        raise ImapError(f"the IMAP server answers {kind} to {command} {arguments[0]}: poll again")
    return found


def _uids(client: imaplib.IMAP4, after: int) -> list[int]:
    """The UIDs behind `after`, in order. A server answers `n:*` with its last message even if that is older."""
    found = _answered(client, "SEARCH", f"UID {after + 1}:*")
    words = b" ".join(each for each in found if isinstance(each, bytes)).split()
    return sorted(uid for uid in (int(word) for word in words if word.isdigit()) if uid > after)


def _fetched(client: imaplib.IMAP4, uid: int, now_ms: EpochMs) -> tuple[bytes | None, EpochMs]:
    """A message, None if it is gone by now, and when the server received it."""
    found = _answered(client, "FETCH", str(uid), f"(UID INTERNALDATE BODY.PEEK[]<0.{_MOST_BYTES}>)")
    head = b" ".join(part[0] if isinstance(part, tuple) else part for part in found if part)
    raw = next((part[1] for part in found if isinstance(part, tuple)), None)
    date = _DATE.search(head)
    if date is None:
        return raw, now_ms
    try:
        return raw, from_rfc2822(date.group(1).decode("ascii", "replace"), "INTERNALDATE")
    except InvalidEvent:
        return raw, now_ms
