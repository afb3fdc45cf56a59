"""Rows a second of the sink, from topics into ClickHouse, over a bare insert of the same prepared columns."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import rates, runs, traffic
from bench.brokers import Broker, Loaded, broker, partition_of
from bench.contestants.folding import Folding
from bench.contestants.meter import Job
from bench.rates import Stretch
from bench.report import Report, count, ratio
from bench.topics import RunTopics
from schemas.errors import SupportpulseError
from streams.partition.head import Head
from supportpulse.processes import ServerError
from tests.servers.clickhouse import ClickHouseServer

_TOPICS = RunTopics("sink-", "sink-interactions")
_INTO = ("embedded", "server")
_HOW = ("sink", "bare")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument(
        "--events", type=int, default=500_000, help="events, besides their facts [default: %(default)s]"
    )
    parser.add_argument("--repeats", type=int, default=3, help="turns; medians are reported [default: %(default)s]")
    parser.add_argument("--into", default=",".join(_INTO), help="embedded, server or both [default: %(default)s]")


def run(options: argparse.Namespace) -> Report:
    """Measure."""
    events, repeats = (2_000, 1) if options.tiny else (options.events, options.repeats)
    wanted = [name for name in options.into.split(",") if name]
    unknown = sorted(set(wanted) - set(_INTO))
    if unknown:
        raise SupportpulseError(f"no ClickHouse called {', '.join(unknown)}: there are {', '.join(_INTO)}")
    notes: list[str] = []
    found: dict[tuple[str, str], list[Stretch]] = {}
    with broker(options.broker, options.scratch / "broker") as there, _server(wanted, options.scratch, notes) as server:
        there.make(_TOPICS)
        facts: list[Loaded] = []
        there.load(_TOPICS.interactions, _folded(traffic.simulated(events), facts))
        there.load(_TOPICS.facts, facts)
        rows_each = events + len(facts)
        del facts
        into = [name for name in wanted if name == "embedded" or server is not None]
        for turn in range(repeats):
            for name in into:
                for how in _HOW:
                    job = _job(there, name, how, turn, server, options.scratch)
                    found.setdefault((name, how), []).append(rates.stretch(runs.measure("landing", job).marks))
        versions = dict(there.versions)
        if server is not None:
            versions["clickhouse-server"] = ".".join(map(str, server.version()))
    return _report(found, rows_each, versions, notes, options)


@contextmanager
def _server(wanted: list[str], scratch: Path, notes: list[str]) -> Iterator[ClickHouseServer | None]:
    if "server" not in wanted:
        yield None
        return
    server = ClickHouseServer(scratch / "clickhouse-server")
    try:
        server.start()
    except ServerError as exc:
        notes.append(f"NOT MEASURED: server: {exc}")
        yield None
        return
    try:
        yield server
    finally:
        server.stop()


def _folded(events: Iterable[Loaded], facts: list[Loaded]) -> Iterator[Loaded]:
    """The events as they are; their facts are appended."""
    folding = Folding(
        Job(kafka="", topic="", run="", policies=str(traffic.POLICIES), data_dir="", report="", codec="ours")
    )
    heads: dict[bytes, Head] = {}
    for record in events:
        head, made = folding.fold(heads.get(record.key), folding.decode(record.value))
        heads[record.key] = head
        facts += [Loaded(partition_of(fact.key), fact.key, fact.value, record.arrived_ms) for fact in made]
        yield record


def _job(there: Broker, into: str, how: str, turn: int, server: ClickHouseServer | None, scratch: Path) -> Job:
    name = f"{into}_{how}_{turn}"
    folder = scratch / name
    return Job(
        kafka=there.address,
        topic=_TOPICS.interactions,
        run=_TOPICS.prefix,
        stages=(1,),
        policies="",
        data_dir=str(folder),
        report=str(folder / "report.jsonl"),
        codec=how,
        clickhouse=None if into == "embedded" or server is None else f"{server.url.removesuffix('default')}{name}",
    )


def _report(
    found: dict[tuple[str, str], list[Stretch]],
    rows_each: int,
    versions: dict[str, str],
    notes: list[str],
    options: argparse.Namespace,
) -> Report:
    rate = {key: rates.middle([stretch.rate for stretch in stretches]) for key, stretches in found.items()}
    figures: dict[str, object] = {"rows": rows_each, "events": rows_each, "broker": options.broker}
    rows = []
    for into in _INTO:
        sink, bare = rate.get((into, "sink")), rate.get((into, "bare"))
        figures |= {f"{into}_sink": sink, f"{into}_bare": bare, f"{into}_ratio": ratio(sink, bare)}
        rows.append((into, count(sink), count(bare), count(ratio(sink, bare), 2)))
    headers = ("ClickHouse", "sink rows/s", "bare insert rows/s", "sink/bare")
    return Report("sink", figures, headers, rows, versions, notes, options.tiny)
