"""What a notifier needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from schemas.errors import SupportpulseError
from schemas.topics import Topics

#: The consumer group of notifiers, unless another is named.
GROUP = "supportpulse-notifier"


class NotifierMisconfigured(SupportpulseError):
    """Something about the receiver cannot be used. Says what."""


@dataclass(frozen=True, slots=True)
class NotifierConfig:
    """Where alerts go and how. Notifiers of the same `group` share the work; another receiver wants another group."""

    url: str = field(repr=False)
    secret: bytes = field(repr=False)
    kafka: str = "127.0.0.1:9092"
    group: str = GROUP
    topics: Topics = field(default_factory=Topics)
    #: Alerts raised longer ago are no news any more: so a first start does not tell the whole past.
    oldest_seconds: float = 86_400.0
    timeout_seconds: float = 10.0
    #: When the notifier ends, an attempt that has begun gets this long.
    finish_seconds: float = 5.0
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 60.0
    session_timeout_ms: int = 10_000
    poll_records: int = 200
    #: The last so many keys are remembered, so that a record that came twice is told once.
    remembered: int = 10_000

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        # The address may hold a token, so it is not repeated.
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise NotifierMisconfigured("the receiver's address cannot be used: write http://HOST/… or https://HOST/…")
        if not self.secret:
            raise NotifierMisconfigured("the secret is empty: receivers could not tell our messages from others'")
