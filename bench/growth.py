"""What an event costs when much is kept, over what it costs when little is.

The same events are measured each time. Before them the worker has worked through others, which leave many open
conversations or few, and full windows of 24 hours or empty ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from bench import rates, stages, traffic
from bench.brokers import Broker, Loaded, broker
from bench.contestants.meter import Clock
from bench.rates import Stretch
from bench.report import Report, count, ratio

#: The measured day. The one before it is of the same shape as the same weekday of the week before.
_MEASURED_MS = traffic.BEGIN_MS + traffic.DAY_MS
_BEFORE_MS = traffic.BEGIN_MS
_LONG_BEFORE_MS = traffic.BEGIN_MS - 7 * traffic.DAY_MS


def add_options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("--many", type=int, default=1_000_000, help="open conversations [default: %(default)s]")
    parser.add_argument("--few", type=int, default=10_000, help="open conversations [default: %(default)s]")
    parser.add_argument(
        "--window-events",
        type=int,
        default=1_000_000,
        help="events of the day that fills the windows [default: %(default)s]",
    )
    parser.add_argument("--events", type=int, default=200_000, help="events measured [default: %(default)s]")
    parser.add_argument("--repeats", type=int, default=3, help="turns; medians are reported [default: %(default)s]")


def run(options: argparse.Namespace) -> Report:
    """Measure."""
    if options.tiny:
        options.many, options.few, options.window_events, options.events, options.repeats = 1_500, 300, 2_000, 6_000, 1
    each = traffic.CLONED_EVENTS
    found: dict[str, list[Stretch]] = {"many": [], "few": [], "windows_filled": [], "windows_empty": []}
    with broker(options.broker, options.scratch / "broker") as there:
        for turn in range(options.repeats):
            for name, stretches in found.items():
                if name in {"many", "few"}:
                    before = getattr(options, name)
                    background = traffic.clones(before, _LONG_BEFORE_MS)
                    events = before * each
                else:
                    begin_ms = _BEFORE_MS if name == "windows_filled" else _LONG_BEFORE_MS
                    events = options.window_events
                    background = traffic.simulated(events, begin_ms, seed=2)
                stretches.append(_turn(there, f"{name}-{turn}-", background, events, options))
    cpu_us = {name: rates.middle([stretch.cpu_us for stretch in stretches]) for name, stretches in found.items()}
    rate = {name: rates.middle([stretch.rate for stretch in stretches]) for name, stretches in found.items()}
    ratios = {
        "many_over_few": ratio(cpu_us["many"], cpu_us["few"], 3),
        "windows_filled_over_empty": ratio(cpu_us["windows_filled"], cpu_us["windows_empty"], 3),
    }
    figures = {
        **ratios,
        "cpu_us_per_event": cpu_us,
        "events_per_second": rate,
        "conversations": {"many": options.many, "few": options.few},
        "window_events": options.window_events,
        "events": options.events,
        "broker": options.broker,
    }
    labels = {
        "many": f"{options.many:,} conversations open",
        "few": f"{options.few:,} conversations open",
        "windows_filled": f"a day of {options.window_events:,} events in the windows",
        "windows_empty": "the same day too old for the windows",
    }
    rows = [(labels[name], count(cpu_us[name], 2), count(rate[name])) for name in found]
    rows += [(f"{name.replace('_', ' ')}", count(value, 3), "") for name, value in ratios.items()]
    headers = ("", "CPU µs/event", "events/s")
    return Report("growth", figures, headers, rows, there.versions, tiny=options.tiny)


def _turn(
    there: Broker, prefix: str, background: Iterable[Loaded], before: int, options: argparse.Namespace
) -> Stretch:
    # In the first stage the clock stands still, where the measured events begin: they find the windows as a day left
    # them.
    end_ms = _MEASURED_MS + traffic.DAY_MS
    clock = Clock(_MEASURED_MS, end_ms, options.events, before)
    job = stages.job(there, prefix, (before, before + options.events), options.scratch, clock)
    there.load(job.topic, background)
    with stages.worker(job) as run:
        first = run.told(1, 3600)
        there.load(job.topic, traffic.simulated(options.events, _MEASURED_MS))
        second = run.told(2, 600)
    return rates.stretch(second.marks[len(first.marks) :])
