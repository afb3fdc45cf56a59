"""What is answered, and that nothing is claimed which is not with Kafka."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import zlib
from collections.abc import AsyncIterator

import msgspec
import pytest

from connectors.gateway.sources import Limits
from schemas import times
from tests.connectors.channels.case import RECEIVED_MS, SECRET, VendorCase, cases
from tests.connectors.channels.vendors import amazonconnect, intercom
from tests.connectors.gateway.harness import (
    TOKEN,
    Door,
    Kept,
    address_of,
    book_of,
    event_body,
    event_document,
    running,
)

[GITHUB] = [case for case in cases() if case.connector.vendor == "github"]
_LINES = "application/x-ndjson"


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
async def door(kept: Kept) -> AsyncIterator[Door]:
    async with running(book_of([GITHUB]), kept) as found:
        found.clock.at_ms = RECEIVED_MS
        yield found


def test_there_is_a_vendor_to_try_it_with() -> None:
    assert isinstance(GITHUB, VendorCase)


async def test_one_event_a_list_and_lines(door: Door, kept: Kept) -> None:
    one = await door.post_events(event_body())
    several = [event_document(event_id=f"e{n}") for n in range(3)]
    listed = await door.post_events(msgspec.json.encode(several))
    lines = b"\n".join(msgspec.json.encode(each) for each in several) + b"\n\n"
    in_lines = await door.post_events(lines, _LINES)
    assert [(a.status, a.body) for a in (one, listed, in_lines)] == [
        (202, b'{"accepted":1}'), (202, b'{"accepted":3}'), (202, b'{"accepted":3}'),
    ]  # fmt: skip
    assert len(kept.events) == 7
    assert {event.ingested_at for event in kept.events} == {RECEIVED_MS}
    assert {record.key for record in kept.records} == {b"acme/c1"}


async def test_a_clock_that_runs_ahead_is_put_right_and_marked(door: Door, kept: Kept) -> None:
    await door.post_events(event_body(occurred_at=times.render(RECEIVED_MS + 300_001)))
    await door.post_events(event_body(occurred_at=times.render(RECEIVED_MS + 300_000)))
    ahead, within = kept.events
    assert (ahead.occurred_at, list(ahead.attributes)) == (RECEIVED_MS, ["clock_skew"])
    assert (within.occurred_at, within.attributes) == (RECEIVED_MS + 300_000, {})


async def test_of_a_batch_with_refused_events_nothing_is_taken_and_each_is_named(door: Door, kept: Kept) -> None:
    lines = [event_body(), b"", event_body(channel="pigeon-post"), b"{", event_body(event_id="e2")]
    answer = await door.post_events(b"\n".join(lines), _LINES)
    assert answer.status == 422
    assert [(e["index"], e["line"]) for e in answer.problem["errors"]] == [(1, 3), (2, 4)]
    assert answer.problem["refused"] == 2
    assert "channel" in answer.problem["errors"][0]["detail"]
    assert b"pigeon-post" not in answer.body
    listed = await door.post_events(b"[" + event_body() + b"," + event_body(nonsense=1) + b"]")
    assert [e["index"] for e in listed.problem["errors"]] == [1]
    assert kept.records == []


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b"[{]", b'"x"', b"[" * 100_000, b"\xff\xfe", b"[1,2]"])
async def test_what_is_no_batch_is_refused(door: Door, kept: Kept, body: bytes) -> None:
    for content_type in ("application/json", _LINES):
        assert (await door.post_events(body, content_type)).status == 422
    assert kept.records == []


async def test_a_token_is_for_its_tenant_alone(door: Door, kept: Kept) -> None:
    body = b"[" + event_body() + b"," + event_body(tenant="globex") + b"]"
    answer = await door.post_events(body)
    assert answer.status == 403
    assert [e["index"] for e in answer.problem["errors"]] == [1]
    assert kept.records == []


@pytest.mark.parametrize("sent", [None, "Bearer", "Bearer ", f"Basic {TOKEN}", "Bearer wrong", f"Bearer {TOKEN[:-1]}"])
async def test_without_the_token_nothing_is_read(door: Door, kept: Kept, sent: str | None) -> None:
    headers = {"Content-Type": "application/json", **({"Authorization": sent} if sent else {})}
    answer = await door.send("POST", "/v1/events", headers, event_body())
    assert answer.status == 401
    assert answer.problem["title"] == "Unauthorized"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert TOKEN.encode() not in answer.body
    assert kept.records == []


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/", 404, None),
        ("GET", "/v1/hooks/github", 404, None),
        ("POST", "/v1/hooks/github/nobody", 404, None),
        ("POST", "/v1/hooks/nobody/github-main", 404, None),
        ("POST", "/v1/hooks/github/github-main/more", 404, None),
        ("PUT", "/v1/hooks/github/github-main", 405, "GET, HEAD, POST"),
        ("GET", "/v1/events", 405, "POST"),
        ("POST", "/healthz", 405, "GET"),
    ],
)
async def test_other_addresses_and_methods(door: Door, method: str, path: str, status: int, allow: str | None) -> None:
    answer = await door.ask(method, path)
    assert answer.status == status
    assert answer.problem["status"] == status
    assert answer.headers.get("Allow") == allow


async def test_a_vendor_may_ask_for_the_head_alone(kept: Kept) -> None:
    async with running(book_of([GITHUB, intercom.CASE]), kept) as door:
        assert (await door.ask("HEAD", address_of(intercom.CASE))).status == 200
        # Who never asks so has to prove itself.
        assert (await door.ask("HEAD", address_of(GITHUB))).status == 401
    assert kept.records == []


async def test_a_receipt_is_what_the_vendor_wants_to_read(kept: Kept) -> None:
    case = amazonconnect.CASE
    firehose = next(sample for sample in case.samples if sample.name == "firehose")
    asked = case.sign(firehose, SECRET)
    headers = {**asked.headers, "X-Amz-Firehose-Request-Id": "re-1"}
    async with running(book_of([case]), kept) as door:
        answer = await door.deliver(dataclasses.replace(asked, headers=headers), case)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
        assert msgspec.json.decode(answer.body) == {"requestId": "re-1", "timestamp": asked.received_at}
        plain = await door.deliver(asked, case)
        assert (plain.status, plain.body) == (200, b"")
    assert len(kept.events) == 2 * len(firehose.types)


async def test_a_content_type_that_is_not_taken(door: Door, kept: Kept) -> None:
    for content_type in ("text/xml", "application/jsonx", ""):
        assert (await door.post_events(event_body(), content_type)).status == 415
        assert (await door.ask("POST", address_of(GITHUB), b"{}", Content_Type=content_type)).status == 415
    assert (await door.post_events(event_body(), "Application/JSON; charset=utf-8")).status == 202


async def test_a_body_may_be_compressed_but_not_grow_beyond_the_limit(kept: Kept) -> None:
    limits = Limits(max_body_bytes=10_000)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    bomb = b" " * 50_000_000 + event_body()
    async with running(book_of([GITHUB], limits), kept) as door:

        async def post(encoding: str, body: bytes) -> int:
            return (await door.send("POST", "/v1/events", {**headers, "Content-Encoding": encoding}, body)).status

        assert await post("gzip", gzip.compress(event_body())) == 202
        assert await post("deflate", zlib.compress(event_body())) == 202
        assert await post("identity", event_body()) == 202
        assert await post("gzip", gzip.compress(gzip.compress(event_body()))) == 422
        assert await post("gzip", gzip.compress(bomb)) == 413
        assert await post("gzip", gzip.compress(event_body())[:-1]) == 400
        assert await post("gzip", gzip.compress(event_body()) + b"more") == 400
        assert await post("gzip", event_body()) == 400
        assert await post("br", event_body()) == 415
    assert len(kept.events) == 3


async def test_a_body_over_the_limit_is_refused_said_or_not(kept: Kept) -> None:
    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 1000

    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    async with running(book_of([GITHUB], Limits(max_body_bytes=10_000)), kept) as door:
        assert (await door.send("POST", "/v1/events", headers, b" " * 10_001)).status == 413
        assert (await door.send("POST", "/v1/events", headers, in_pieces())).status == 413
        assert (await door.send("POST", "/v1/events", headers, event_body().rjust(10_000))).status == 202


async def test_a_body_that_does_not_come_is_not_waited_for(kept: Kept) -> None:
    async with running(book_of([GITHUB]), kept, read_timeout_seconds=0.2) as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(
            b"POST /v1/events HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 10\r\n"
            + f"Authorization: Bearer {TOKEN}\r\n\r\n{{".encode()
        )
        first = await asyncio.wait_for(reader.readline(), 20)
        assert b" 408 " in first
        writer.close()
    assert kept.records == []


async def test_a_source_may_not_call_more_often_than_its_limit(kept: Kept) -> None:
    async with running(book_of([GITHUB], Limits(requests_per_second=0.01)), kept) as door:
        assert (await door.post_events(event_body())).status == 202
        answer = await door.post_events(event_body())
        assert answer.status == 429
        assert 1 <= int(answer.headers["Retry-After"]) <= 100
        assert (await door.ask("POST", address_of(GITHUB), b"{}", Content_Type="application/json")).status == 401
    assert len(kept.events) == 1


async def test_while_kafka_is_away_nothing_is_claimed(door: Door, kept: Kept) -> None:
    kept.away = True
    answer = await door.post_events(event_body())
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    delivery = await door.deliver(GITHUB.sign(GITHUB.samples[0], b"correct-horse"), GITHUB)
    assert delivery.status == 503
    assert (await door.ask("GET", "/readyz")).status == 503
    assert (await door.ask("GET", "/healthz")).status == 200
    kept.away = False
    assert (await door.ask("GET", "/readyz")).status == 200


async def test_a_gateway_that_ends_sends_others_elsewhere(door: Door) -> None:
    door.gateway.draining = True
    assert (await door.post_events(event_body())).status == 503
    assert (await door.ask("GET", "/readyz")).status == 503


async def test_a_secret_is_in_no_answer(door: Door) -> None:
    answer = await door.ask(
        "POST", address_of(GITHUB), b'{"words": "of a customer"}', Content_Type="application/json",
        X_Hub_Signature_256="sha256=0123",
    )  # fmt: skip
    assert answer.status == 401
    assert not [word for word in (b"correct-horse", b"customer", b"0123") if word in answer.body]
