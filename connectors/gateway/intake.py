"""A request → records for Kafka. No HTTP and no Kafka in here."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import structlog

from connectors.channels.base import Delivery, Parked, Parsed, Reply, Unverified, admit, clamped, in_its_name, read
from connectors.channels.generic import read_batch
from connectors.gateway.parking import letter
from connectors.gateway.problems import EventError, Problem, unauthorized, without_values
from connectors.gateway.publisher import Record
from connectors.gateway.sources import Entry, Token
from schemas import fast, wire
from schemas.checks import check_event
from schemas.errors import Refused, UnknownPayload
from schemas.records import DeadLetter, InteractionEvent
from schemas.times import EpochMs
from schemas.topics import Topics, record_key

log = structlog.get_logger()


class Taken(msgspec.Struct):
    """What a request leads to: records to publish before it is answered, and what to count then."""

    records: list[Record] = []
    #: Types of the events.
    types: list[str] = []
    ignored: Sequence[str] = ()
    #: Reasons of the dead letters.
    parked: list[str] = []


class Intake:
    """Takes requests for a set of topics."""

    def __init__(self, topics: Topics) -> None:
        self._interactions = topics.interactions
        self._dead_letters = topics.dead_letters

    def delivery(self, entry: Entry, delivery: Delivery) -> Reply | Taken:
        """A vendor's delivery, in the three steps below. Raises `Problem`."""
        reply = self.admit(entry, delivery)
        return self.take(entry, delivery, self.parse(entry, delivery)) if reply is None else reply

    def admit(self, entry: Entry, delivery: Delivery) -> Reply | None:
        """A handshake's reply, or None for a delivery that is genuine. Raises `Problem` 401 if it proves nothing."""
        try:
            return admit(entry.connector, delivery, entry.source)
        except Unverified as exc:
            raise unauthorized(str(exc)) from exc

    def parse(self, entry: Entry, delivery: Delivery) -> Parsed:
        """What a genuine delivery says. Raises `Problem` 422 if its body makes no sense."""
        try:
            return read(entry.connector, delivery, entry.source)
        except Refused as exc:
            raise Problem(422, f"{without_values(exc.detail)}: correct it and send it again") from exc
        # A connector that fails at a genuine delivery has a bug. The vendor's retries would meet it again, so the
        # delivery is kept for a better one.
        except Exception as exc:
            log.exception("connector_failed", vendor=entry.vendor, source=entry.source.name, exc_info=False)
            return Parsed(parked=[Parked(f"the connector failed at it ({type(exc).__name__})", delivery.body)])

    def take(self, entry: Entry, delivery: Delivery, parsed: Parsed) -> Taken:
        """What is to be published of it, and counted."""
        taken = Taken(ignored=parsed.ignored)
        refused: list[Parked] = []
        reason = UnknownPayload.reason
        for told in parsed.events:
            event = in_its_name(told, entry.source)
            try:
                check_event(event)
            except Refused as exc:
                refused.append(Parked(without_values(exc.detail), delivery.body))
                reason = exc.reason
                continue
            self._add(taken, event, delivery.received_at)
        if parsed.parked:
            self._park(taken, letter(entry.origin, delivery, parsed.parked))
        if refused:
            self._park(taken, letter(entry.origin, delivery, refused, reason))
        return taken

    def batch(self, token: Token, body: bytes, content_type: str, now_ms: EpochMs) -> Taken:
        """Our own events. All of them, or none: raises `Problem` 403 for another tenant's, 422 naming the refused."""
        try:
            batch = read_batch(body, content_type)
        except Refused as exc:
            raise Problem(422, without_values(exc.detail)) from exc
        if batch.refused:
            errors = [
                EventError(refusal.index, without_values(refusal.error.detail), refusal.line)
                for refusal in batch.refused
            ]
            raise Problem(422, "nothing was taken: correct the events named in errors, and send all again", {}, errors)
        foreign = [
            EventError(index, "the tenant is not the token's", line)
            for event, (index, line) in zip(batch.events, batch.places, strict=True)
            if event.tenant != token.tenant
        ]
        if foreign:
            detail = f"nothing was taken: this token is for events of the tenant {token.tenant!r} alone"
            raise Problem(403, detail, {}, foreign)
        taken = Taken()
        for event in clamped(batch.events, now_ms):
            self._add(taken, msgspec.structs.replace(event, ingested_at=now_ms), now_ms)
        return taken

    def _add(self, taken: Taken, event: InteractionEvent, now_ms: EpochMs) -> None:
        key = record_key(event.tenant, event.conversation_id)
        taken.records.append(Record(self._interactions, key, fast.encode_event(event), now_ms))
        taken.types.append(event.type)

    def _park(self, taken: Taken, parked: DeadLetter) -> None:
        value = wire.encode_dead_letter(parked)
        taken.records.append(Record(self._dead_letters, None, value, parked.parked_at))
        taken.parked.append(parked.reason)
