"""A gateway that listens on loopback, and a publisher that keeps what it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
from yarl import URL

from connectors.channels.base import Delivery
from connectors.gateway.publisher import NotPublished, Record, Told
from connectors.gateway.server import Gateway, GatewayConfig, Publishing, listen
from connectors.gateway.sources import Entry, Limits, SourceBook, Token, digest
from connectors.gateway.stats import GatewayStats
from schemas import documents, times, wire
from schemas.records import DeadLetter, InteractionEvent
from schemas.times import EpochMs
from schemas.topics import Topics
from tests.connectors.channels.case import RECEIVED_MS, VendorCase

TOKEN = "a-token-of-the-tests"
_TOPICS = Topics()


class Kept:
    """A publisher that keeps, or that says Kafka is away."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.away = False

    async def publish(self, records: list[Record]) -> None:
        if self.away:
            raise NotPublished("away")
        self.records += records

    def hand_over(self, records: list[Record], told: Told) -> None:
        if self.away:
            told(NotPublished("away"))
            return
        self.records += records
        told(None)

    async def ready(self) -> bool:
        return not self.away

    @property
    def events(self) -> list[InteractionEvent]:
        return [wire.decode_event(record.value) for record in self.records if record.topic == _TOPICS.interactions]

    @property
    def letters(self) -> list[DeadLetter]:
        return [wire.decode_dead_letter(r.value) for r in self.records if r.topic == _TOPICS.dead_letters]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["Content-Type"] == "application/problem+json"
        found: dict[str, Any] = msgspec.json.decode(self.body)
        assert found["status"] == self.status
        assert found["detail"]
        return found


@dataclass(slots=True)
class Clock:
    """Stands where it is put; unset, it is the real one."""

    at_ms: EpochMs | None = None

    def __call__(self) -> EpochMs:
        return times.now_ms() if self.at_ms is None else self.at_ms


@dataclass(slots=True)
class Door:
    """A running gateway and a way to knock at it."""

    gateway: Gateway
    port: int
    session: aiohttp.ClientSession
    clock: Clock = field(default_factory=Clock)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """A request with exactly these headers; an underscore in a name stands for a dash."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.send(method, path, named, body)

    async def send(self, method: str, path: str, headers: Mapping[str, str], body: Any = None) -> Answer:
        url = URL(f"{self.address}{path}", encoded=True)
        skipped = ("Content-Type", "User-Agent", "Accept", "Accept-Encoding")
        async with self.session.request(
            method, url, headers=headers, data=body, skip_auto_headers=skipped, allow_redirects=False
        ) as answer:
            return Answer(answer.status, dict(answer.headers), await answer.read())

    async def post_events(self, body: bytes, content_type: str = "application/json", token: str = TOKEN) -> Answer:
        return await self.ask("POST", "/v1/events", body, Content_Type=content_type, Authorization=f"Bearer {token}")

    async def deliver(self, delivery: Delivery, case: VendorCase) -> Answer:
        """A vendor's request, arriving when the delivery says, by the host and query that it was signed for."""
        self.clock.at_ms = delivery.received_at
        parts = urlsplit(delivery.url)
        self.gateway.book = with_public_url(self.gateway.book, f"{parts.scheme}://{parts.netloc}")
        query = f"?{parts.query}" if parts.query else ""
        return await self.send(delivery.method, address_of(case) + query, delivery.headers, delivery.body)


def address_of(case: VendorCase) -> str:
    return f"/v1/hooks/{case.connector.vendor}/{case.source().name}"


def with_public_url(book: SourceBook, public_url: str) -> SourceBook:
    book.public_url = public_url
    return book


def book_of(cases: Iterable[VendorCase], limits: Limits | None = None, token_tenant: str = "acme") -> SourceBook:
    """A source for every case, and a token."""
    limits = limits or Limits()
    entries = [Entry(case.connector, case.source(), limits, limits.bucket()) for case in cases]
    return SourceBook(entries, [Token("tests", token_tenant, (digest(TOKEN.encode()),), limits, limits.bucket())])


@asynccontextmanager
async def running(
    book: SourceBook,
    publisher: Publishing,
    topics: Topics = _TOPICS,
    read_timeout_seconds: float = 10.0,
    stats: GatewayStats | None = None,
    head_timeout_seconds: float = 10.0,
) -> AsyncIterator[Door]:
    clock = Clock()
    gateway = Gateway(book, publisher, GatewayConfig(topics, head_timeout_seconds, read_timeout_seconds, clock), stats)
    listening = await listen(gateway, "127.0.0.1", 0)
    try:
        async with aiohttp.ClientSession() as session:
            yield Door(gateway, listening.port, session, clock)
    finally:
        await listening.stop(1.0)


def event_body(**changes: Any) -> bytes:
    """An event of ours in JSON."""
    return msgspec.json.encode(event_document(**changes))


def event_document(**changes: Any) -> dict[str, Any]:
    event = InteractionEvent(
        event_id="e1", tenant="acme", source="crm", channel="live_chat", type="message", occurred_at=RECEIVED_MS,
        conversation_id="c1", actor_kind="customer",
    )  # fmt: skip
    return {**documents.event_document(event), **changes}
