"""The text of /metrics with lines kept ready is the one that prometheus_client makes of the same registry."""

from __future__ import annotations

import random
import sys

import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.exposition import choose_encoder
from prometheus_client.utils import floatToGoString

from sinks.prometheus.capped import Capped
from sinks.prometheus.exposition import exposition
from sinks.prometheus.windows import WindowGauges
from tests.sinks.samples import T0, window

TEXT, OPEN_METRICS = "text/plain", "application/openmetrics-text; version=1.0.0"
#: What has to be escaped in a label, what is not ASCII, and what is next to nothing.
NAMES = ("", 'say "hi"', "back\\slash", "two\nlines", "ümläut", "a,b={c}")


def filled(seed: int) -> tuple[CollectorRegistry, WindowGauges, random.Random]:
    rng = random.Random(seed)
    registry = CollectorRegistry()
    Counter("other_things", "What else there is.", ["kind"], registry=registry).labels("a").inc(3)
    windows = WindowGauges(registry, Capped(tenants=3, values=4))
    refresh(windows, rng)
    return registry, windows, rng


def refresh(windows: WindowGauges, rng: random.Random) -> None:
    windows.update(
        window(
            tenant=rng.choice(["acme", "x", "y", "z", "q"]),
            metric=rng.choice(["first_response", "sla_resolution"]),
            dimension=rng.choice(["all", "channel", "team"]),
            dimension_value=rng.choice(NAMES),
            window_end=T0 + 5000 * rng.randint(0, 9),
            count=rng.choice([0, 1, 7, 12_345_678]),
            mean_ms=rng.choice([None, 0.1, 1e12 / 7]),
            p50_ms=rng.choice([None, 1.0, 4e15]),
            met=rng.choice([None, 0, 3]),
            breached=rng.choice([None, 0, 5]),
        )
        for _ in range(200)
    )


def families(text: bytes) -> dict[str, list[str]]:
    """Name of the family → its lines, in their order."""
    found: dict[str, list[str]] = {}
    for line in text.decode().splitlines():
        if line.startswith("# HELP"):
            lines = found.setdefault(line.split()[2], [])
        lines.append(line)
    return found


@pytest.mark.parametrize("accept", [TEXT, OPEN_METRICS])
@pytest.mark.parametrize("seed", range(5))
def test_every_line_is_the_one_that_prometheus_client_writes(accept: str, seed: int) -> None:
    registry, windows, rng = filled(seed)
    encode, wanted_type = choose_encoder(accept)
    for _ in range(3):
        content_type, text = exposition(registry, accept)
        assert content_type == wanted_type
        wanted = encode(registry)
        assert text.endswith(b"# EOF\n") == wanted.endswith(b"# EOF\n") == (accept == OPEN_METRICS)
        said = {name: [line for line in lines if line != "# EOF"] for name, lines in families(text).items()}
        assert said == {name: [line for line in lines if line != "# EOF"] for name, lines in families(wanted).items()}
        assert len(said["supportpulse_window_facts"]) > 10
        refresh(windows, rng)


def test_what_has_not_changed_is_not_written_again() -> None:
    registry, windows, _ = filled(1)
    written = 0

    def counted(frame: object, event: str, _arg: object) -> None:
        nonlocal written
        written += event == "call" and getattr(frame, "f_code", None) is floatToGoString.__code__

    def scrape() -> int:
        nonlocal written
        written = 0
        sys.setprofile(counted)
        try:
            exposition(registry, TEXT)
        finally:
            sys.setprofile(None)
        return written

    everything = scrape()
    nothing = scrape()
    windows.update([window(tenant="acme", metric="first_response", window_end=T0 + 10**6)])
    one = scrape()
    assert nothing < one < everything / 2, "the rest of the registry, one window more, all of them"
