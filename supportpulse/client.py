"""Sending events of one's own to a gateway.

    from supportpulse.client import Client

    client = Client("http://127.0.0.1:8420", token="…")
    client.send([{"event_id": "1", "tenant": "acme", "source": "crm", "channel": "email", "type": "message",
                  "occurred_at": "2026-03-10T09:00:00Z", "conversation_id": "c1", "actor": {"kind": "customer"}}])

`send` returns when Kafka has every event. It may be called again with the same events at any time: an event is known by
its event_id, and a second one changes nothing. Needs nothing but Python and msgspec.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

import msgspec

from schemas import documents
from schemas.errors import SupportpulseError
from schemas.records import InteractionEvent

_NDJSON = "application/x-ndjson"
#: Below what a gateway takes at a time unless it is told otherwise.
_BATCH_BYTES = 1_000_000
_RETRIED = frozenset({408, 429, 500, 502, 503, 504})


class ClientError(SupportpulseError):
    """The gateway did not take a batch. The batches before it are taken; send all again once it is put right.

    `status` is its answer, 0 if there was none; `errors` name the refused events of the batch, counted from `first`,
    the batch's place among the events that were to be sent.
    """

    def __init__(
        self, detail: str, status: int = 0, errors: tuple[Mapping[str, Any], ...] = (), first: int = 0
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.errors = errors
        self.first = first


class Client:
    """A connection to a gateway. For one thread."""

    def __init__(
        self,
        address: str,
        token: str,
        *,
        batch_events: int = 500,
        attempts: int = 6,
        timeout_seconds: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`address` is http(s)://HOST:PORT; a batch that is refused with 429 or 5xx is sent up to `attempts` times."""
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ClientError(f"{address!r} is no address of a gateway: write one like https://hooks.example.com")
        try:
            port = parts.port
        except ValueError:
            raise ClientError(f"{address!r} has a port that is none: write a number behind the colon") from None
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, port, timeout=timeout_seconds)
        self._path = parts.path.rstrip("/")
        self._token = token
        self._batch_events = batch_events
        self._attempts = attempts
        self._sleep = sleep

    def send(self, events: Iterable[InteractionEvent | Mapping[str, Any]]) -> int:
        """Send events, in batches; how many. Raises `ClientError` for the first batch that is not taken."""
        sent = 0
        for lines in self._batches(events):
            self._post(lines, first=sent)
            sent += len(lines)
        return sent

    def get(self, path: str) -> bytes:
        """A page of the gateway, such as /readyz. Raises `ClientError` for an answer other than 200."""
        status, _, body = self._ask("GET", path, None)
        if status != 200:
            raise _refused(status, body, 0)
        return body

    def close(self) -> None:
        """Disconnect. Another call connects again."""
        self._connection.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _batches(self, events: Iterable[InteractionEvent | Mapping[str, Any]]) -> Iterator[list[bytes]]:
        lines: list[bytes] = []
        size = 0
        for event in events:
            line = documents.render_event(event) if isinstance(event, InteractionEvent) else msgspec.json.encode(event)
            if lines and (len(lines) >= self._batch_events or size + len(line) > _BATCH_BYTES):
                yield lines
                lines, size = [], 0
            lines.append(line)
            size += len(line) + 1
        if lines:
            yield lines

    def _post(self, lines: list[bytes], first: int) -> None:
        body = b"\n".join(lines)
        for attempt in range(self._attempts):
            last = attempt == self._attempts - 1
            try:
                status, headers, answer = self._ask("POST", "/v1/events", body)
            except (OSError, http.client.HTTPException) as exc:
                if last:
                    raise ClientError(
                        f"the gateway does not answer ({type(exc).__name__}): send it again later"
                    ) from exc
                self._sleep(_backoff_seconds(attempt, None))
                continue
            if status == 202:
                return
            if status not in _RETRIED or last:
                raise _refused(status, answer, first)
            self._sleep(_backoff_seconds(attempt, headers.get("Retry-After")))

    def _ask(self, method: str, path: str, body: bytes | None) -> tuple[int, Message, bytes]:
        headers = {"Authorization": f"Bearer {self._token}"}
        if body is not None:
            headers["Content-Type"] = _NDJSON
        try:
            self._connection.request(method, self._path + path, body, headers)
            answer = self._connection.getresponse()
            # Whatever the case of their names: proxies write them in lower case.
            return answer.status, answer.headers, answer.read()
        except (OSError, http.client.HTTPException):
            # Half an answer may be left in it.
            self._connection.close()
            raise


def _backoff_seconds(attempt: int, retry_after: str | None) -> float:
    """What the gateway asks for; otherwise half a second, doubled each time, at most half a minute."""
    if retry_after is not None and retry_after.isdigit():
        return float(retry_after)
    return float(min(30.0, 0.5 * 2**attempt))


def _refused(status: int, body: bytes, first: int) -> ClientError:
    try:
        problem = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        problem = {}
    errors = tuple(problem.get("errors") or ())
    named = "; ".join(f"event {first + each['index']}: {each['detail']}" for each in errors[:3])
    detail = f"{status} {problem.get('title', '')}: {problem.get('detail', 'no reason given')}"
    return ClientError(f"{detail} ({named})" if named else detail, status, errors, first)
