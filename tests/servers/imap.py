"""A small IMAP server over real sockets: as much of RFC 3501 as reading mailboxes takes."""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_FETCH = re.compile(r"UID FETCH (\d+) \(.*BODY\.PEEK\[\](?:<0\.(\d+)>)?\)", re.IGNORECASE)
_SEARCH = re.compile(r"UID SEARCH UID (\d+):\*", re.IGNORECASE)


@dataclass
class Box:
    """A mailbox: messages by UID, and when each came; `gone` are found, and no longer there when they are fetched."""

    uidvalidity: int = 1
    messages: dict[int, tuple[bytes, str]] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)

    def add(self, message: bytes, date: str = "02-Mar-2026 08:00:00 +0000") -> None:
        """A message arrives."""
        self.messages[max(self.messages, default=0) + 1] = (message, date)


class ImapServer(socketserver.ThreadingTCPServer):
    """`boxes` may change while it runs; `commands` is all that was asked, without passwords."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.boxes: dict[str, Box] = {"INBOX": Box()}
        self.commands: list[str] = []
        #: Ends the connection at this command, once.
        self.break_at: str | None = None
        #: Answers this command with NO, once.
        self.refuse_at: str | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class _Session(socketserver.StreamRequestHandler):
    server: ImapServer

    def handle(self) -> None:
        self._box: Box | None = None
        self._say("* OK ready")
        for line in iter(self.rfile.readline, b""):
            tag, _, command = line.decode("latin-1").strip().partition(" ")
            word = command.split(" ", 1)[0].upper()
            self.server.commands.append(word if word == "LOGIN" else command)
            if self.server.break_at is not None and command.upper().startswith(self.server.break_at):
                self.server.break_at = None
                return
            if self.server.refuse_at is not None and command.upper().startswith(self.server.refuse_at):
                self.server.refuse_at = None
                self._say(f"{tag} NO [UNAVAILABLE] not now")
                continue
            if not self._answer(tag, word, command):
                return

    def _answer(self, tag: str, word: str, command: str) -> bool:
        if word == "CAPABILITY":
            self._say("* CAPABILITY IMAP4rev1", f"{tag} OK done")
        elif word == "LOGIN":
            self._say(f"{tag} OK in" if command.endswith('"right"') else f"{tag} NO wrong credentials")
        elif word == "EXAMINE":
            self._examine(tag, command)
        elif word == "UID" and self._box is not None:
            self._uid(tag, command, self._box)
        elif word == "LOGOUT":
            self._say("* BYE", f"{tag} OK out")
            return False
        else:
            self._say(f"{tag} BAD what?")
        return True

    def _examine(self, tag: str, command: str) -> None:
        self._box = self.server.boxes.get(command.split(" ", 1)[1].strip('"'))
        if self._box is None:
            self._say(f"{tag} NO no such mailbox")
        else:
            self._say(
                f"* {len(self._box.messages)} EXISTS",
                f"* OK [UIDVALIDITY {self._box.uidvalidity}] valid",
                f"{tag} OK [READ-ONLY] open",
            )

    def _uid(self, tag: str, command: str, box: Box) -> None:
        search, fetch = _SEARCH.fullmatch(command), _FETCH.fullmatch(command)
        if search is not None:
            # `n:*` always takes in the last message (RFC 3501, 6.4.8).
            found = [uid for uid in box.messages if uid >= int(search[1]) or uid == max(box.messages)]
            self._say(" ".join(["* SEARCH", *map(str, found)]), f"{tag} OK done")
        elif fetch is not None:
            uid, most = int(fetch[1]), int(fetch[2] or 1 << 30)
            if uid in box.messages and uid not in box.gone:
                message, date = box.messages[uid]
                part = message[:most]
                head = f'* {uid} FETCH (UID {uid} INTERNALDATE "{date}" BODY[]<0> {{{len(part)}}}\r\n'
                self.wfile.write(head.encode() + part + b")\r\n")
            self._say(f"{tag} OK done")
        else:
            self._say(f"{tag} BAD what?")

    def _say(self, *lines: str) -> None:
        for line in lines:
            self.wfile.write(line.encode() + b"\r\n")


@contextmanager
def serving() -> Iterator[ImapServer]:
    """A server that runs until the block ends."""
    with ImapServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
