"""What reads from outside, with good input to damage. Each answers with a word, or refuses as it should."""

from __future__ import annotations

import dataclasses
import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from connectors.channels.base import in_its_name
from connectors.channels.generic import JSON, NDJSON, read_batch
from connectors.channels.mail import read_mail
from connectors.gateway import bodies, sources_file
from connectors.gateway.problems import Problem
from schemas import fast, wire
from schemas.checks import check_event
from schemas.documents import parse_event
from schemas.errors import Refused, SupportpulseError
from schemas.records import Call, InteractionEvent, MetricFact, Survey
from sinks.clickhouse import blocks, rows
from sinks.clickhouse.blocks import ReadBlock
from streams.partition.reading import read, read_plainly
from streams.sla import policy_file
from streams.windows.deltas import DeltaBuilder, decode
from tests.connectors.channels.case import SECRET, VendorCase, cases

#: What a reader may raise at input that it cannot use.
REFUSALS = (SupportpulseError, Problem)
_AT_MS = 1_772_442_000_000
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Target:
    """A reader of ours. `feed` returns a word for what became of the input, or raises one of `REFUSALS`."""

    name: str
    corpus: tuple[bytes, ...]
    feed: Callable[[bytes], str]


class Disagreement(Exception):
    """The quick reader and the plain one do not say the same."""


def targets() -> list[Target]:
    """All of them."""
    return [*_records(), *_documents(), *_files(), *(_channel(case) for case in cases())]


def _events() -> list[InteractionEvent]:
    plain = InteractionEvent(
        event_id="e1",
        tenant="acme",
        source="desk",
        channel="email",
        type="message",
        occurred_at=_AT_MS,
        conversation_id="c1",
        actor_kind="customer",
    )
    more: list[dict[str, object]] = [
        {"attributes": {"text_length": "12", "größe": "ü"}, "language": "ar", "team": "vip"},
        {"type": "status_changed", "status": "resolved", "sequence": 2**40, "priority": "urgent"},
        {"type": "survey_answered", "survey": Survey("csat", 4.0, 1.0, 5.0, "q1")},
        {"type": "call_ended", "call": Call(60.0, 0.5, 12.0)},
        {"type": "assigned", "assignee_id": "a" * 200, "ingested_at": _AT_MS},
    ]
    return [plain, *(msgspec.structs.replace(plain, **said) for said in more)]


def _records() -> Iterator[Target]:
    events = tuple(wire.encode_event(event) for event in _events())
    fact = MetricFact(
        "acme", "c1/1/1/first_response", "first_response", "c1", 1, "email", value_ms=60_000, ended_at=_AT_MS
    )
    builder = DeltaBuilder(0, 1)
    for number in range(20):
        builder.replace(None, msgspec.structs.replace(fact, agent_id=f"a{number}", team="vip"), number)
    yield Target("event as Avro", events, _both(fast.decode_event, wire.decode_event))
    yield Target("event for the fold", events, _both(read, read_plainly))
    yield Target("fact as Avro", (wire.encode_fact(fact),), _both(fast.decode_fact, wire.decode_fact))
    yield Target("event as columns", events, _at_once(blocks.interaction_block, _event_columns))
    yield Target("fact as columns", (wire.encode_fact(fact),), _at_once(blocks.fact_block, _fact_columns))
    yield Target("window deltas", tuple(builder.take().values()), lambda body: "read" if len(decode(body)) else "empty")


def _documents() -> Iterator[Target]:
    line = (
        b'{"event_id":"1","tenant":"acme","source":"s","channel":"email","type":"message","conversation_id":"c",'
        b'"occurred_at":"2026-03-02T09:00:00.123+03:00","actor":{"kind":"customer","id":"7"},"attributes":{"a":"b"}}'
    )
    yield Target("event as JSON", (line,), lambda body: parse_event(body).type)
    yield Target("events as JSON", (b"[" + line + b"," + line + b"]", line), lambda body: _batch(body, JSON))
    yield Target("events as lines", (line + b"\n" + line,), lambda body: _batch(body, min(NDJSON)))
    mail = (
        b"From: a@customer.example\r\nTo: help@acme.example\r\nMessage-ID: <1@x>\r\nReferences: <0@x>\r\n"
        b"Date: Mon, 2 Mar 2026 09:00:00 +0000\r\nSubject: =?utf-8?q?h=C3=BC?=\r\nContent-Type: multipart/mixed; "
        b'boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n'
    )
    yield Target("e-mail", (mail,), lambda body: str(read_mail(body).date_ms is None))
    packed = gzip.compress(line * 20)
    yield Target("gzip", (packed,), lambda body: str(len(bodies.decompress(body, "gzip", _MOST_BYTES)) > 0))


def _files() -> Iterator[Target]:
    policies = (
        b"calendars:\n  riyadh:\n    timezone: Asia/Riyadh\n    hours: {sun: ['09:00-13:00'], mon: ['20:00-06:00']}\n"
        b"    holidays: ['2026-09-23']\npolicies:\n  - name: chat\n    match: {tenant: [acme], channel: [live_chat]}\n"
        b"    calendar: riyadh\n    targets: {first_response: 5m, resolution: 8h}\n    warn_at: [0.5, 0.9]\n"
        b"---\neffective_from: 2026-03-01T00:00:00Z\npolicies: []\n"
    )
    sources = (
        b"sources:\n  - {name: main, vendor: chatwoot, tenant: acme, secrets: [env:SECRET],\n"
        b"     limits: {requests_per_second: 5}}\ntokens:\n  - {name: crm, tenant: acme, secrets: [env:TOKEN]}\n"
    )
    environ = {"SECRET": "correct-horse-battery", "TOKEN": "staple-correct-horse-battery"}
    yield Target("policies file", (policies,), lambda body: str(len(policy_file.parse(_text(body)))))
    yield Target(
        "sources file", (sources,), lambda body: str(len(sources_file.parse(_text(body), "s", environ).entries))
    )


def _channel(case: VendorCase) -> Target:
    deliveries = {sample.body: case.sign(sample, SECRET) for sample in case.samples}
    every = tuple(deliveries.values())
    source = case.source()

    def feed(body: bytes) -> str:
        # Headers say what a body is: those of its own request, or of any.
        request = deliveries.get(body) or every[len(body) % len(every)]
        parsed = case.connector.parse(dataclasses.replace(request, body=body), source)
        for event in parsed.events:
            check_event(in_its_name(event, source))
        return "events" if parsed.events else "ignored" if parsed.ignored else "parked" if parsed.parked else "nothing"

    return Target(f"channel {case.connector.vendor}", tuple(deliveries), feed)


def _both(quick: Callable[[bytes], object], plain: Callable[[bytes], object]) -> Callable[[bytes], str]:
    def answer(reader: Callable[[bytes], object], body: bytes) -> object:
        try:
            return reader(body)
        except Refused as refused:
            return type(refused), refused.detail

    def feed(body: bytes) -> str:
        one, other = answer(quick, body), answer(plain, body)
        # Not-a-number is never equal to itself.
        if one != other and repr(one) != repr(other):
            raise Disagreement(f"{one!r} and {other!r}")
        return "refused" if isinstance(one, tuple) and isinstance(one[0], type) else "read"

    return feed


def _at_once(read_block: ReadBlock, plain: Callable[[bytes], object]) -> Callable[[bytes], str]:
    def quick(body: bytes) -> object:
        block = read_block([body], [0])
        return plain(body) if block.odd else {name: list(column) for name, column in block.columns.items()}

    return _both(quick, plain)


def _event_columns(body: bytes) -> object:
    return rows.interaction_columns([wire.decode_event(body)], [0])


def _fact_columns(body: bytes) -> object:
    return rows.fact_columns([rows.checked_fact(wire.decode_fact(body))])


def _batch(body: bytes, kind: str) -> str:
    batch = read_batch(body, kind)
    return "refused" if batch.refused else "read"


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")
