"""What latency and rebalance make of what they see."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from bench.latency import window_latencies, windows_of
from bench.rebalance import longest_silence
from schemas.records import Dimension, MetricWindow
from sinks.prometheus.windows import WindowGauges

SERIES = ("acme", "first_response")


def test_a_fact_is_in_a_window_when_the_count_says_so() -> None:
    polls = [(10_000, {SERIES: 0}), (11_000, {SERIES: 2}), (12_000, {SERIES: 2}), (15_000, {SERIES: 3})]
    assert window_latencies(polls, {SERIES: [9_000, 10_500, 12_500]}, 0) == [2.0, 0.5, 2.5]


def test_what_ended_before_the_warm_up_is_not_measured_but_counted() -> None:
    polls = [(11_000, {SERIES: 2})]
    assert window_latencies(polls, {SERIES: [9_000, 10_500]}, 10_000) == [0.5]


def window(dimension: Dimension, value: str, seconds: int, facts: int) -> MetricWindow:
    return MetricWindow(
        tenant="acme",
        metric="first_response",
        dimension=dimension,
        dimension_value=value,
        window_seconds=seconds,
        window_start=0,
        window_end=1,
        count=facts,
        mean_ms=1.0,
    )


def test_metrics_are_read_as_they_are_written() -> None:
    registry = CollectorRegistry()
    gauges = WindowGauges(registry)
    gauges.update(
        [
            window("all", "", 86_400, 7),
            window("all", "", 60, 3),
            window("channel", "email", 86_400, 2),
        ]
    )
    assert windows_of(generate_latest(registry).decode()) == {SERIES: 7}


def test_the_longest_silence_is_that_of_the_quietest_partition() -> None:
    arrivals = {0: [1.0, 2.0, 3.0, 9.0], 1: [1.5, 5.0, 6.0, 9.5], 2: [float(n) for n in range(11)], 3: [4.0, 8.0]}
    assert longest_silence(arrivals, 0.0, 10.0) == 6.0


def test_a_partition_that_brings_nothing_is_silent_all_the_time() -> None:
    assert longest_silence({0: [1.0], 1: [1.0], 2: [1.0]}, 0.0, 10.0) == 10.0
