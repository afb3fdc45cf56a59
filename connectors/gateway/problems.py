"""What is answered when something is wrong: problem details by RFC 9457, without secrets and without bodies."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec

CONTENT_TYPE = "application/problem+json"
#: Refused events that an answer names; all of them are counted.
NAMED_ERRORS = 100
_QUOTED = re.compile(r"'[^']*'")


@dataclass(frozen=True, slots=True)
class EventError:
    """What is wrong with one event of a batch: its place (from 0), its line (from 1) in NDJSON, and why."""

    index: int
    detail: str
    line: int | None = None


@dataclass(slots=True)
class Problem(Exception):
    """An answer other than 2xx. `detail` says what is wrong and what to do."""

    status: int
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    errors: Sequence[EventError] = ()

    def body(self) -> bytes:
        """The answer's JSON."""
        document: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = [
                {
                    name: value
                    for name, value in zip(("index", "line", "detail"), (e.index, e.line, e.detail), strict=True)
                    if value is not None
                }
                for e in self.errors[:NAMED_ERRORS]
            ]
            document["refused"] = len(self.errors)
        return msgspec.json.encode(document)


def without_values(detail: str) -> str:
    """A refusal's text without the values that it quotes: an answer names fields and says nothing of their content."""
    return _QUOTED.sub("(not shown)", detail)


def unauthorized(detail: str, challenge: str | None = None) -> Problem:
    """401: the delivery does not prove who sent it."""
    return Problem(401, detail, {"WWW-Authenticate": challenge} if challenge else {})


def unavailable(detail: str, retry_after_seconds: int) -> Problem:
    """503: nothing of the request was taken; the same again later."""
    return Problem(503, detail, {"Retry-After": str(retry_after_seconds)})
