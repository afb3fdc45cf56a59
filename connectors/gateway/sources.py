"""Who may send: the sources and tokens of `sources.yaml`, as the gateway looks them up."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.channels.base import AnyConnector, Source
from connectors.gateway.limits import TokenBucket

#: Vendors' webhooks are kilobytes; e-mail with attachments wants more, and says so in its limits.
MAX_BODY_BYTES = 1 << 20
MOST_BODY_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What a source may send. `requests_per_second` None: as much as it likes."""

    max_body_bytes: int = MAX_BODY_BYTES
    requests_per_second: float | None = None

    def bucket(self) -> TokenBucket | None:
        """What counts its requests."""
        return None if self.requests_per_second is None else TokenBucket(self.requests_per_second)


@dataclass(frozen=True, slots=True)
class Entry:
    """A source with what takes its deliveries."""

    connector: AnyConnector
    source: Source[Any]
    limits: Limits = field(default_factory=Limits)
    bucket: TokenBucket | None = None

    @property
    def vendor(self) -> str:
        """As in its address."""
        return self.connector.vendor

    @property
    def origin(self) -> str:
        """What its dead letters say of where they come from."""
        return f"gateway/{self.vendor}/{self.source.name}"


@dataclass(frozen=True, slots=True)
class Token:
    """Who may post events of one tenant. The secrets themselves are not kept."""

    name: str
    tenant: str
    digests: tuple[bytes, ...] = field(repr=False)
    limits: Limits = field(default_factory=Limits)
    bucket: TokenBucket | None = None


class SourceBook:
    """One version of the file; a reload makes another."""

    def __init__(self, entries: Iterable[Entry] = (), tokens: Iterable[Token] = (), public_url: str = "") -> None:
        self._entries = {(entry.vendor, entry.source.name): entry for entry in entries}
        self._by_address = {f"/v1/hooks/{vendor}/{name}": entry for (vendor, name), entry in self._entries.items()}
        self._tokens = {digest: token for token in tokens for digest in token.digests}
        #: What vendors call us, without a slash at its end; empty: whatever the request says.
        self.public_url = public_url

    @property
    def entries(self) -> Mapping[tuple[str, str], Entry]:
        """By vendor and name."""
        return self._entries

    @property
    def tokens(self) -> frozenset[str]:
        """The names of the tokens."""
        return frozenset(token.name for token in self._tokens.values())

    def at(self, address: str) -> Entry | None:
        """The source at this path of a URL, which has neither quoted letters nor a query."""
        return self._by_address.get(address)

    def find(self, vendor: str, name: str) -> Entry | None:
        """The source at `/v1/hooks/VENDOR/NAME`."""
        return self._entries.get((vendor, name))

    def token(self, secret: bytes) -> Token | None:
        """Whose token it is. Looked up by digest: the time it takes says nothing of the secrets in force."""
        return self._tokens.get(digest(secret))


def digest(secret: bytes) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(secret).digest()
