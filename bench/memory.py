"""Bytes per open conversation of six events, its log for refolding included."""

from __future__ import annotations

import argparse

from bench import stages, traffic
from bench.brokers import broker
from bench.report import Report, count

_FEW_SHARE = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("--conversations", type=int, default=1_000_000, help="open in the end [default: %(default)s]")


def run(options: argparse.Namespace) -> Report:
    """Measure: the process with all of them, less the same process with a few."""
    many = 2_000 if options.tiny else options.conversations
    few = max(1, many // _FEW_SHARE)
    each = traffic.CLONED_EVENTS
    with broker(options.broker, options.scratch / "broker") as there:
        job = stages.job(there, "memory-", (few * each, many * each), options.scratch)
        there.load(job.topic, traffic.clones(few))
        with stages.worker(job) as run:
            before = run.told(1, 120)
            there.load(job.topic, traffic.clones(many - few, first=few))
            after = run.told(2, 3600)
    per_conversation = (after.rss_bytes - before.rss_bytes) / (many - few)
    figures = {
        "bytes_per_conversation": round(per_conversation, 1),
        "rss_bytes": after.rss_bytes,
        "peak_rss_bytes": after.peak_rss_bytes,
        "rss_bytes_with_few": before.rss_bytes,
        "conversations": many,
        "conversations_few": few,
        "events": many * each,
        "broker": options.broker,
    }
    rows = [
        ("bytes per open conversation", count(per_conversation)),
        (f"MiB of the worker with {many:,}", count(after.rss_bytes / 2**20)),
        ("MiB at most on the way there", count(after.peak_rss_bytes / 2**20)),
        (f"MiB of the worker with {few:,}", count(before.rss_bytes / 2**20)),
    ]
    return Report("memory", figures, ("", "figure"), rows, there.versions, tiny=options.tiny)
