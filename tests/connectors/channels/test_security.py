"""One suite over every channel, by real HTTP: what is not proven is not taken, and nothing brings the gateway down.

Of keys that are there twice in an object the last one counts, as in most readers of JSON; the signature covers both.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
import pytest

from connectors.channels.base import Delivery
from connectors.gateway.sources import Entry, Limits, SourceBook
from schemas.records import InteractionEvent
from tests.connectors.channels.case import OTHER_SECRET, SECRET, Sample, VendorCase, cases
from tests.connectors.gateway.harness import Answer, Door, Kept, address_of, book_of, running

ALL = cases()
_LIMITS = Limits(max_body_bytes=200_000)


def named(case: VendorCase) -> str:
    return case.connector.vendor


each = pytest.mark.parametrize("case", ALL, ids=named)
each_signed = pytest.mark.parametrize("case", [case for case in ALL if not case.connector.unsigned], ids=named)
each_json = pytest.mark.parametrize("case", [case for case in ALL if case.is_json], ids=named)
each_timed = pytest.mark.parametrize("case", [case for case in ALL if case.signs_time], ids=named)
each_covering = pytest.mark.parametrize(
    "case", [case for case in ALL if case.signs_body and not case.connector.unsigned], ids=named
)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
async def door(kept: Kept) -> AsyncIterator[Door]:
    async with running(book_of(ALL, _LIMITS), kept) as found:
        yield found


def telling(case: VendorCase) -> Sample:
    """A sample that leads to events."""
    return next(sample for sample in case.samples if sample.types)


def signed(case: VendorCase, secret: bytes = SECRET, body: bytes | None = None) -> Delivery:
    sample = telling(case)
    return case.sign(sample if body is None else dataclasses.replace(sample, body=body), secret)


def proof_headers(case: VendorCase) -> list[str]:
    """Headers that the secret decides."""
    ours, theirs = signed(case).headers, signed(case, OTHER_SECRET).headers
    return [name for name, value in ours.items() if theirs.get(name) != value]


def plain(events: list[InteractionEvent]) -> list[InteractionEvent]:
    return [msgspec.structs.replace(event, ingested_at=None) for event in events]


def is_refused(answer: Answer, kept: Kept) -> bool:
    assert answer.status == 401, answer
    assert answer.problem["title"] == "Unauthorized"
    assert not [secret for secret in (SECRET, OTHER_SECRET) if secret in answer.body]
    return kept.records == []


@each
async def test_a_genuine_delivery_is_taken_and_a_replay_changes_nothing(
    case: VendorCase, door: Door, kept: Kept
) -> None:
    assert (await door.deliver(signed(case), case)).status == 200
    first = list(kept.events)
    assert [event.type for event in first] == list(telling(case).types)
    assert {(event.tenant, event.source) for event in first} == {("acme", case.source().name)}
    assert (await door.deliver(signed(case), case)).status == 200
    assert kept.events[len(first) :] == first


@each_signed
async def test_a_wrong_signature(case: VendorCase, door: Door, kept: Kept) -> None:
    assert is_refused(await door.deliver(signed(case, OTHER_SECRET), case), kept)


@each_signed
async def test_a_missing_signature(case: VendorCase, door: Door, kept: Kept) -> None:
    delivery = signed(case)
    proof = proof_headers(case)
    headers = {name: value for name, value in delivery.headers.items() if name not in proof}
    bare = dataclasses.replace(delivery, headers=headers)
    if not proof:
        bare = _without_proof_in_query(case, delivery)
    assert is_refused(await door.deliver(bare, case), kept)


def _without_proof_in_query(case: VendorCase, delivery: Delivery) -> Delivery:
    ours, theirs = (dict(parse_qsl(urlsplit(signed(case, secret).url).query)) for secret in (SECRET, OTHER_SECRET))
    if ours == theirs:
        pytest.skip("the proof lies in the body, which the vendor's own tests take apart")
    left = {name: value for name, value in ours.items() if theirs.get(name) == value}
    return dataclasses.replace(delivery, url=urlunsplit(urlsplit(delivery.url)._replace(query=urlencode(left))))


@each_signed
async def test_a_truncated_signature(case: VendorCase, door: Door, kept: Kept) -> None:
    for cut in (1, 8):
        delivery = signed(case)
        proof = proof_headers(case)
        if not proof:
            pytest.skip("the proof is in no header")
        headers = {name: value[:-cut] if name in proof else value for name, value in delivery.headers.items()}
        assert is_refused(await door.deliver(dataclasses.replace(delivery, headers=headers), case), kept)


@each_signed
async def test_a_signature_that_is_nonsense(case: VendorCase, door: Door, kept: Kept) -> None:
    for nonsense in ("x", "sha256=", "=", ",", "v0=", "t=1,v1=", "\u00e9", "a" * 4000):
        headers: Mapping[str, str] = {
            name: nonsense if name in proof_headers(case) else value for name, value in signed(case).headers.items()
        }
        if headers == signed(case).headers:
            pytest.skip("the proof is in no header")
        assert is_refused(await door.deliver(dataclasses.replace(signed(case), headers=headers), case), kept)


@each_timed
@pytest.mark.parametrize("late_ms", [3_600_000, -3_600_000])
async def test_a_stale_signature(case: VendorCase, late_ms: int, door: Door, kept: Kept) -> None:
    delivery = signed(case)
    stale = dataclasses.replace(delivery, received_at=delivery.received_at + late_ms)
    assert is_refused(await door.deliver(stale, case), kept)


@each_covering
async def test_a_body_changed_by_one_byte(case: VendorCase, door: Door, kept: Kept) -> None:
    delivery = signed(case)
    for place in (0, len(delivery.body) // 2, len(delivery.body) - 1):
        changed = bytearray(delivery.body)
        changed[place] ^= 1
        assert is_refused(await door.deliver(dataclasses.replace(delivery, body=bytes(changed)), case), kept)
    longer = dataclasses.replace(delivery, body=delivery.body + b" ")
    assert is_refused(await door.deliver(longer, case), kept)


@each_signed
async def test_another_tenant_s_secret_and_one_s_own(case: VendorCase, kept: Kept) -> None:
    acme, globex = case.source(), case.source(secrets=(OTHER_SECRET,), tenant="globex")
    globex = dataclasses.replace(globex, name=f"{globex.name}-globex")
    book = SourceBook([Entry(case.connector, acme), Entry(case.connector, globex)])
    async with running(book, kept) as door:
        assert is_refused(await door.deliver(signed(case, OTHER_SECRET), case), kept)
        await door.deliver(signed(case), case)
    assert {event.tenant for event in kept.events} == {"acme"}


@each_signed
async def test_while_a_secret_is_rotated_both_are_in_force(case: VendorCase, kept: Kept) -> None:
    source = case.source(secrets=(OTHER_SECRET, SECRET))
    async with running(SourceBook([Entry(case.connector, source)]), kept) as door:
        assert (await door.deliver(signed(case, OTHER_SECRET), case)).status == 200
        assert (await door.deliver(signed(case), case)).status == 200


@each
async def test_an_oversized_body(case: VendorCase, door: Door, kept: Kept) -> None:
    answer = await door.deliver(signed(case, body=b" " * (_LIMITS.max_body_bytes + 1)), case)
    assert answer.status == 413
    assert kept.records == []


@each
async def test_a_wrong_content_type(case: VendorCase, door: Door, kept: Kept) -> None:
    if not case.connector.content_types:
        pytest.skip("any will do")
    delivery = signed(case)
    headers = {name: value for name, value in delivery.headers.items() if name.lower() != "content-type"}
    for sent in (headers, {**headers, "Content-Type": "image/png"}):
        assert (await door.send("POST", address_of(case), sent, delivery.body)).status == 415
    assert kept.records == []


@each_json
@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' * 1000 + b"1" + b"}" * 1000,
        b"[" * 1000 + b"]" * 1000,
        b"[" * 100_000,
        b'{"a": "\xff\xfe"}',
        b'{"a": "\\ud800"}',
        b"\x00",
        b"",
        b"nonsense",
        b"null",
        b"1e999",
        b'{"a": 1',
    ],
    ids=["deep", "deep-list", "deeper", "not-utf8", "surrogate", "zero", "empty", "nonsense", "null", "huge", "cut"],
)
async def test_a_genuine_body_that_makes_no_sense_is_refused_or_parked(
    case: VendorCase, body: bytes, door: Door, kept: Kept
) -> None:
    answer = await door.deliver(signed(case, body=body), case)
    assert answer.status in ((401, 422) if not kept.letters else (200,)), answer
    assert kept.events == []
    assert b"nonsense" not in answer.body


@each_json
async def test_of_keys_that_are_there_twice_the_last_counts(case: VendorCase, door: Door, kept: Kept) -> None:
    body = telling(case).body
    document = msgspec.json.decode(body)
    if not isinstance(document, dict):
        pytest.skip("the vendor sends lists")
    first = msgspec.json.encode(next(iter(document)))
    await door.deliver(signed(case), case)
    once = plain(kept.events)
    doubled = b"{" + first + b": null, " + body.lstrip()[1:]
    assert (await door.deliver(signed(case, body=doubled), case)).status == 200
    again = plain(kept.events[len(once) :])
    # Where a vendor gives no id of its own, it is made of the bytes.
    assert [msgspec.structs.replace(event, event_id="") for event in again] == [
        msgspec.structs.replace(event, event_id="") for event in once
    ]
