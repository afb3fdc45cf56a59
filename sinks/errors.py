"""What can go wrong on the way into ClickHouse, and what to do about it.

SupportpulseError
└── DatabaseError            `code` is ClickHouse's, where it said one; `retryable` says whether waiting can help
    ├── ConnectionLost       nobody answers, or not any more: it is tried again
    ├── Overloaded           memory, parts or time ran out: it is tried again
    ├── DiskFull             make room: it is tried again
    ├── MissingTable         the schema, or some of it, is not there: run `supportpulse migrate`
    ├── AccessDenied         a statement that this way in does not allow, or a right that is missing
    │   └── LoginRefused     wrong user or password
    ├── PathInUse            another process owns the embedded data directory
    ├── PathUnusable         the embedded data directory may not be read or written
    ├── MigrationError       an applied migration was changed, or one is missing
    ├── EndpointUnavailable  no running `up` to ask
    └── QueryFailed          everything else: the statement is wrong
"""

from __future__ import annotations

import re
from typing import ClassVar

from schemas.errors import SupportpulseError

#: Enough to see what it is about; ClickHouse can append pages of stack and suggestions.
_LONGEST_TEXT = 600


class DatabaseError(SupportpulseError):
    """Base of everything ClickHouse and the ways into it can answer with."""

    retryable: ClassVar[bool] = False
    remedy: ClassVar[str] = ""

    def __init__(self, detail: str, code: int | None = None) -> None:
        #: Without the remedy, for who knows a better one.
        self.detail = detail.strip().rstrip(".") if self.remedy else detail.strip()
        super().__init__(f"{self.detail}. {self.remedy}" if self.remedy else self.detail)
        self.code = code


class ConnectionLost(DatabaseError):
    """Nobody answers, or not any more."""

    retryable = True
    remedy = "Check that ClickHouse runs and that its address is right"


class Overloaded(DatabaseError):
    """Memory, parts or time ran out."""

    retryable = True
    remedy = "It is tried again; give ClickHouse more memory or send less at once if it stays"


class DiskFull(DatabaseError):
    """No room left where ClickHouse keeps its data."""

    retryable = True
    remedy = "Make room on that disk; nothing is lost meanwhile"


class MissingTable(DatabaseError):
    """A table, column or database of the schema is not there."""

    retryable = True
    remedy = "Run `supportpulse migrate`"


class AccessDenied(DatabaseError):
    """A statement that this way in does not allow, or a right that is missing."""

    remedy = "Queries can only read here, and only what their user may"


class LoginRefused(AccessDenied):
    """Wrong user or password."""

    remedy = "Check user and password in the URL, where / # ? @ [ are percent-encoded"


class PathInUse(DatabaseError):
    """Another process owns the embedded data directory."""

    remedy = "End it first (an `up`: with Ctrl-C), or name another --data-dir"


class PathUnusable(DatabaseError):
    """The embedded data directory is not ours to read and write."""

    remedy = "Run it as the user that made it, or name another --data-dir"


class MigrationError(DatabaseError):
    """What was applied and what is in the release do not fit together."""


class EndpointUnavailable(DatabaseError):
    """No running process answers queries for this data directory."""

    remedy = "Start it with `supportpulse up`, or name its --data-dir"


class QueryFailed(DatabaseError):
    """ClickHouse did not like the statement."""


_CONNECTION = {209, 210, 236, 279}  # SOCKET_TIMEOUT, NETWORK_ERROR, ABORTED, ALL_CONNECTION_TRIES_FAILED
_LOAD = {159, 202, 241, 252}  # TIMEOUT_EXCEEDED, TOO_MANY_SIMULTANEOUS_QUERIES, MEMORY_LIMIT_EXCEEDED, TOO_MANY_PARTS
_MISSING = {16, 81}  # NO_SUCH_COLUMN_IN_TABLE, UNKNOWN_DATABASE
UNKNOWN_TABLE = 60
_LOGIN = {192, 193, 194, 516}  # users and passwords, AUTHENTICATION_FAILED
_ACCESS = {164, 497}  # READONLY, ACCESS_DENIED
_NOT_ENOUGH_SPACE = 243
_KINDS = (
    (_CONNECTION, ConnectionLost),
    (_LOAD, Overloaded),
    (_MISSING, MissingTable),
    (_LOGIN, LoginRefused),
    (_ACCESS, AccessDenied),
)
#: What `supportpulse migrate` makes.
TABLES = frozenset(
    [
        "interactions",
        "metric_facts",
        "sla_alerts",
        "metric_windows",
        "dead_letters",
        "schema_migrations",
        "facts",
        "kpi_hourly",
        "sla_attainment",
        "agent_scorecard",
        "open_conversations",
    ]
)
_TABLE = re.compile(r"""[Tt]able (?:expression identifier )?['"`]?(?:\w+['"`]?\.['"`]?)?(\w+)""")
#: After the reason a server tells everybody how to reset a password in its own configuration.
_RESET = "If you "


def from_clickhouse(code: int | None, text: str) -> DatabaseError:
    """ClickHouse's code and text → the error that says what to do."""
    return _kind(code, text)(_shortened(text), code)


def _kind(code: int | None, text: str) -> type[DatabaseError]:
    if code == _NOT_ENOUGH_SPACE or "No space left on device" in text:
        return DiskFull
    for codes, kind in _KINDS:
        if code in codes:
            return kind
    # Any other table is a slip of who asks, and no migration makes it.
    named = _TABLE.search(text)
    return MissingTable if code == UNKNOWN_TABLE and named and named.group(1) in TABLES else QueryFailed


def _shortened(text: str) -> str:
    first = text.split("Stack trace:", maxsplit=1)[0].partition(_RESET)[0].strip()
    return first if len(first) <= _LONGEST_TEXT else first[:_LONGEST_TEXT] + " …"
