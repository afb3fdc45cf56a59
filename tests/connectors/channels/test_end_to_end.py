"""The whole way for every channel: signed requests → gateway → Kafka → worker → sink → facts in ClickHouse.

One broker, one worker and one ClickHouse for all of them: each has a tenant of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from connectors.channels.base import Parsed, in_its_name, receive
from connectors.gateway.sources import Entry, Limits, SourceBook
from schemas.records import InteractionEvent
from schemas.topics import Topics
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.migrate import migrate
from streams.sla.policies import PolicyBook
from tests.connectors.channels.case import SECRET, VendorCase, cases
from tests.connectors.gateway.harness import running
from tests.connectors.gateway.kafka import everything, publishing
from tests.pipeline.harness import FactRow, Pipeline, by_name, replay
from tests.servers.plugin import Broker

pytestmark = pytest.mark.kafka
ALL = cases()
#: They tell what customers write and never what they are answered: conversations that wait, and no fact yet.
WITHOUT_REPLIES = {"line"}


@dataclass(frozen=True, slots=True)
class Landed:
    """What ClickHouse has, by vendor, and what lies in the topic of dead letters."""

    facts: dict[tuple[str, str], FactRow]
    events: dict[str, int]
    letters: dict[str, int]


def tenant_of(case: VendorCase) -> str:
    return f"of-{case.connector.vendor}"


def entry_of(case: VendorCase) -> Entry:
    return Entry(case.connector, case.source(tenant=tenant_of(case)), Limits())


def said(case: VendorCase) -> tuple[list[InteractionEvent], int]:
    """The events of all samples, and how many of them have something parked."""
    found = [receive(case.connector, case.sign(sample, SECRET), entry_of(case).source) for sample in case.samples]
    parsed = [each for each in found if isinstance(each, Parsed)]
    source = entry_of(case).source
    events = [in_its_name(event, source) for each in parsed for event in each.events]
    return events, sum(bool(each.parked) for each in parsed)


async def deliver_everything(address: str, topics: Topics) -> None:
    """Every sample of every vendor, twice."""
    book = SourceBook(map(entry_of, ALL))
    async with publishing(address, topics) as publisher, running(book, publisher, topics) as door:
        for case in ALL:
            for sample in case.samples * 2:
                answer = await door.deliver(case.sign(sample, SECRET), case)
                assert answer.status == 200, (case.connector.vendor, sample.name, answer)


@pytest.fixture(scope="module")
def landed(tansu: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Landed]:
    scratch = tmp_path_factory.mktemp("channels")
    database = EmbeddedDatabase(scratch / "clickhouse")
    migrate(database, now_ms=0)
    pipeline = Pipeline(tansu, Topics(prefix=f"channels_{uuid4().hex[:8]}."), database, PolicyBook(), scratch)
    pipeline.make_topics()
    asyncio.run(deliver_everything(tansu.address, pipeline.topics))
    events = [event for case in ALL for event in said(case)[0]]
    published = asyncio.run(everything(tansu.address, pipeline.topics.interactions, 2 * len(events)))
    pipeline.work(
        {partition: len(records) - 1 for partition, records in published.items() if records},
        as_of_ms=max(event.occurred_at for event in events),
    )
    pipeline.land()
    yield Landed(
        pipeline.landed_facts(),
        counted(database, "SELECT tenant, count() FROM interactions FINAL GROUP BY tenant"),
        counted(database, "SELECT origin, count() FROM dead_letters FINAL GROUP BY origin"),
    )
    database.close()


def counted(database: EmbeddedDatabase, statement: str) -> dict[str, int]:
    rows: Any = database.query(statement).rows
    return {str(name): int(count) for name, count in rows}


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.connector.vendor)
def test_signed_requests_become_facts_in_clickhouse(case: VendorCase, landed: Landed) -> None:
    events, parked = said(case)
    tenant = tenant_of(case)
    expected = by_name(replay(events, PolicyBook(), max(event.occurred_at for event in events)))
    found = {key: row for key, row in landed.facts.items() if key[0] == tenant}
    assert (len(expected) > 0) == (case.connector.vendor not in WITHOUT_REPLIES)
    assert found == expected
    identities = {(event.conversation_id, event.source, event.event_id) for event in events}
    assert landed.events[tenant] == len(identities) > 0
    # A letter that comes twice has the same bytes, and replaces itself.
    letters = landed.letters.get(entry_of(case).origin, 0)
    assert (letters > 0) == (parked > 0)
    assert letters <= parked


def test_no_vendor_s_sample_is_refused_by_the_contract(landed: Landed) -> None:
    assert set(landed.letters) <= {entry_of(case).origin for case in ALL}
