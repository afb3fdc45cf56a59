"""The gateway keeps what its OpenAPI document promises: schemathesis asks it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from connectors.gateway.openapi import document
from connectors.gateway.sources import Limits
from tests.connectors.channels.case import cases
from tests.connectors.gateway.harness import TOKEN, Kept, book_of, event_document, running


@dataclass(slots=True)
class Threaded:
    """A gateway in a loop of its own: schemathesis asks in this thread."""

    address: str
    kept: Kept


@pytest.fixture(scope="module")
def gateway() -> Iterator[Threaded]:
    kept = Kept()
    there, stop = threading.Event(), asyncio.Event()
    found: list[Threaded] = []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with running(book_of(cases(), Limits(max_body_bytes=4 << 20)), kept) as door:
            found.append(Threaded(door.address, kept))
            there.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert there.wait(30)
    yield found[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(30)
    loop.close()


def for_the_tests_tenant() -> dict[str, Any]:
    """The document, saying besides what it cannot know: the token's tenant, and the years that are taken."""
    found: dict[str, Any] = msgspec.json.decode(document())
    for variant in found["components"]["schemas"]["Event"]["anyOf"]:
        variant["properties"]["tenant"] = {"const": "acme"}
    return found


schemathesis.openapi.format(
    "date-time", st.datetimes().filter(lambda at: 1900 <= at.year <= 2298).map(lambda at: f"{at.isoformat()}Z")
)
schema = schemathesis.openapi.from_dict(for_the_tests_tenant())


# Lines of JSON are text to schemathesis, which has nothing to make them from; test_server.py has them.
@pytest.mark.filterwarnings("ignore:Skipped test cases with unsupported payload media types")
@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_it_keeps_its_promises(case: schemathesis.Case[Any], gateway: Threaded) -> None:
    is_events = case.path == "/v1/events"
    case.call_and_validate(
        base_url=gateway.address,
        headers={"Authorization": f"Bearer {TOKEN}"} if is_events else None,
    )


def test_events_that_keep_to_the_schema_were_taken(gateway: Threaded) -> None:
    assert len(gateway.kept.events) > 0


def test_a_whole_number_with_a_fraction_of_zero_is_an_integer(gateway: Threaded) -> None:
    # Schemathesis draws one now and then only.
    body = event_document(sequence=-2507361663.0)
    case = schema["/v1/events"]["POST"].Case(body=body, media_type="application/json")
    answer = case.call_and_validate(base_url=gateway.address, headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 202
    assert gateway.kept.events[-1].sequence == -2507361663


def test_everything_that_is_served_is_described() -> None:
    described = set(msgspec.json.decode(document())["paths"])
    assert described == {
        "/v1/events", "/v1/hooks/{vendor}/{source}", "/healthz", "/readyz", "/metrics", "/openapi.json",
    }  # fmt: skip
