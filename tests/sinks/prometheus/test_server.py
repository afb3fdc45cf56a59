"""/metrics and /health: on loopback, and gone when stopped."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry

from sinks.prometheus.pipeline import WorkerMetrics
from sinks.prometheus.server import MetricsServer, PortTaken


def get(server: MetricsServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as exc:
        return exc.code, exc.read().decode()


def test_metrics_and_health_are_served_until_stopped() -> None:
    registry = CollectorRegistry()
    WorkerMetrics(registry).events({"accepted": 2})
    well = [True]
    server = MetricsServer(registry, health=lambda: (well[0], "fine" if well[0] else "ClickHouse is away"))
    server.start()
    try:
        status, text = get(server, "/metrics")
        assert status == 200
        assert 'supportpulse_events_total{result="accepted"} 2.0' in text
        assert get(server, "/health") == (200, "fine\n")
        well[0] = False
        assert get(server, "/health") == (503, "ClickHouse is away\n")
        assert get(server, "/")[0] == 404
        port = server.port
        with pytest.raises(PortTaken, match="choose another port"):
            MetricsServer(registry, port).start()
    finally:
        server.stop()
    server.stop()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5)
