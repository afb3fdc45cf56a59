"""From a gauge to a person: the real Prometheus and Alertmanager with the rules and routes that are shipped."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest
from prometheus_client import CollectorRegistry, Gauge

from sinks.prometheus import catalogue
from sinks.prometheus.instruments import gauge
from sinks.prometheus.server import MetricsServer
from tests.servers.receiver import Delivery
from tests.servers.watching import Watch, firing, resolved, shipped

#: A worker raises a breach within this long of its deadline.
RAISED_SECONDS = 1.0
#: A person hears of it within this long.
HEARD_SECONDS = 15.0


@pytest.fixture
def breached() -> Iterator[tuple[Gauge, dict[str, list[str]]]]:
    """The gauge of breached clocks of a worker, and where it is served; beside a sink, which has nothing to say."""
    worker, sink = CollectorRegistry(), CollectorRegistry()
    servers = {"supportpulse-worker": MetricsServer(worker), "supportpulse-sink": MetricsServer(sink)}
    for server in servers.values():
        server.start()
    yield (
        gauge(catalogue.BREACHED_OPEN_CLOCKS, worker),
        {job: [f"127.0.0.1:{server.port}"] for job, server in servers.items()},
    )
    for server in servers.values():
        server.stop()


def seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+)([sm])", text)
    assert found is not None
    return int(found[1]) * {"s": 1, "m": 60}[found[2]]


@pytest.mark.parametrize("known", [False, True], ids=["a new group", "one more in a group that is known"])
def test_the_intervals_that_are_shipped_add_up_to_less_than_a_person_should_wait(known: bool) -> None:
    scrape = seconds(shipped("prometheus/prometheus.yml")["global"]["scrape_interval"])
    (live,) = shipped("prometheus/rules/live.yml")["groups"]
    assert "SlaBreach" in {rule.get("alert") for rule in live["rules"]}
    route = shipped("alertmanager/alertmanager.yml")["route"]
    # The routes of tenants and teams change neither.
    held = seconds(route["group_interval" if known else "group_wait"])
    assert RAISED_SECONDS + scrape + seconds(live["interval"]) + held <= HEARD_SECONDS


@pytest.mark.server
def test_a_breach_reaches_the_team_and_so_does_the_news_that_it_is_over(
    breached: tuple[Gauge, dict[str, list[str]]],
    watch: Callable[..., Watch],
    record_property: Callable[[str, object], None],
) -> None:
    clocks, targets = breached
    clocks.labels("noor-bank", "voice", "cards").set(0)
    receiver = watch(targets).receiver

    def heard(wanted: Callable[[Delivery], bool], value: int, count: int = 1) -> Delivery:
        began = time.monotonic()
        clocks.labels("noor-bank", "voice", "cards").set(value)
        delivery = receiver.wait_for(wanted, count)[-1]
        record_property(f"{delivery.document['status']} after, seconds", round(delivery.received_at - began, 1))
        return delivery

    told = heard(firing("SlaBreach", tenant="noor-bank", team="cards", channel="voice"), 1)
    assert told.path == "/noor-bank-cards"
    (alert,) = told.document["alerts"]
    assert alert["annotations"]["summary"] == "noor-bank: 1 open past the deadline on voice, team cards"
    more = heard(firing("SlaBreachesRising", tenant="noor-bank", team="cards"), 2)
    assert more.path == "/noor-bank-cards"
    over = heard(resolved("SlaBreach", tenant="noor-bank", team="cards"), 0)
    assert over.path == "/noor-bank-cards"
    assert [one["status"] for one in over.document["alerts"]] == ["resolved"]
    paths = {one.path for one in receiver.deliveries}
    assert paths == {"/noor-bank-cards"}, "nobody else has heard of it"
