"""From the start of a worker to its first event, when the changelog holds many conversations."""

from __future__ import annotations

import argparse

from bench import stages, traffic
from bench.brokers import broker
from bench.report import Report, count

_MORE = 40


def add_options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("--conversations", type=int, default=1_000_000, help="to recover [default: %(default)s]")


def run(options: argparse.Namespace) -> Report:
    """Measure: one worker makes the state and ends, events come, another one takes over."""
    conversations = 2_000 if options.tiny else options.conversations
    events = conversations * traffic.CLONED_EVENTS
    with broker(options.broker, options.scratch / "broker") as there:
        first = stages.job(there, "recovery-", (events,), options.scratch)
        there.load(first.topic, traffic.clones(conversations))
        with stages.worker(first) as run:
            run.told(1, 3600)
        there.load(first.topic, traffic.clones(_MORE, first=conversations))
        second = stages.job(there, "recovery-", (_MORE * traffic.CLONED_EVENTS,), options.scratch)
        with stages.worker(second) as run:
            told = run.told(1, 600)
            started_ns = run.started_ns
    seconds = (told.marks[0].at_ns - started_ns) / 1e9
    all_seconds = (told.marks[-1].at_ns - started_ns) / 1e9
    figures = {
        "seconds_to_first_event": round(seconds, 2),
        "seconds_to_all_partitions": round(all_seconds, 2),
        "conversations": conversations,
        "peak_rss_bytes": told.peak_rss_bytes,
        "events": events,
        "broker": options.broker,
    }
    rows = [
        (f"seconds from start to the first event, {conversations:,} conversations", count(seconds, 1)),
        ("seconds until every partition has processed one", count(all_seconds, 1)),
        ("MiB at most", count(told.peak_rss_bytes / 2**20)),
    ]
    notes = ("The start of the process and the joining of the group are counted.",)
    return Report("recovery", figures, ("", "figure"), rows, there.versions, notes, options.tiny)
