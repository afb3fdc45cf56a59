"""Deliveries as the gateway parks them, and the sources that they came from."""

from __future__ import annotations

from collections import Counter

from connectors.channels.base import Delivery, Parked, in_its_name, read
from connectors.gateway import parking
from connectors.gateway.sources import Entry, SourceBook
from schemas import fast
from schemas.records import DeadLetter
from schemas.topics import record_key
from tests.connectors.channels.case import Sample, VendorCase, cases

_CASES = {case.connector.vendor: case for case in cases()}
#: Vendor and sample: each tells of four events, the first of two conversations.
TELLING = (("asterisk", "many"), ("intercom", "whole"))


def found(vendor: str, sample: str) -> tuple[VendorCase, Sample]:
    """A vendor, and a delivery of it."""
    case = _CASES[vendor]
    return case, next(each for each in case.samples if each.name == sample)


def book(*vendors: str) -> SourceBook:
    """Their sources, none with a secret."""
    return SourceBook(Entry(_CASES[each].connector, _CASES[each].source(secrets=())) for each in vendors)


def parked(vendor: str, sample: str) -> DeadLetter:
    """The letter of a delivery that a gateway made nothing of, which an older connector may have parked."""
    case, what = found(vendor, sample)
    return parking.letter(f"gateway/{vendor}/{case.source().name}", _delivery(what), [Parked("was unknown", what.body)])


def records(vendor: str, sample: str) -> Counter[tuple[bytes | None, bytes]]:
    """Key and value of what the gateway publishes of the delivery now."""
    case, what = found(vendor, sample)
    events = read(case.connector, _delivery(what), case.source()).events
    named = [in_its_name(event, case.source()) for event in events]
    return Counter((record_key(each.tenant, each.conversation_id), fast.encode_event(each)) for each in named)


def _delivery(sample: Sample) -> Delivery:
    return Delivery("POST", "", dict(sample.headers), sample.body, sample.received_ms, dict(sample.query))
