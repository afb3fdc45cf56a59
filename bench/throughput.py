"""Events a second: our worker, the decode ceiling, and the same fold in other stream processors, in turns."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import peers, rates, runs, traffic
from bench.brokers import Broker, Load, broker
from bench.contestants.meter import Clock, Job, Told
from bench.peers import Peer, PeerMissing
from bench.rates import Stretch
from bench.report import Report, count
from bench.topics import RunTopics
from schemas.errors import SupportpulseError

CONTESTANTS = ("decode_ceiling", "worker", "plain_faust", "quix", "bytewax")
#: Contestants that take a share of the events, so that nobody waits for them.
_SLOW = frozenset(("plain_faust", "quix"))
_SLOW_SHARE = 5
_PEERS = ("quix", "bytewax")
#: What the table says of them.
_JOBS = {
    "decode_ceiling": "fetch, decode",
    "worker": "all of it: facts, windows, changelog, commits",
    "plain_faust": "fold, table, facts",
    "quix": "fold, state, facts",
    "bytewax": "fold, facts (no recovery)",
}


class Disagreement(SupportpulseError):
    """Two contestants made different numbers of facts of the same events: one of them does not do the job."""


@dataclass(slots=True)
class _Found:
    """What was measured of one contestant."""

    stretches: list[Stretch] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)

    @property
    def rate(self) -> float | None:
        return rates.middle([stretch.rate for stretch in self.stretches])

    @property
    def cpu_us(self) -> float | None:
        return rates.middle([stretch.cpu_us for stretch in self.stretches])

    @property
    def peak_mib(self) -> float | None:
        return rates.middle([told.peak_rss_bytes / 2**20 for told in self.told])


def add_options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("--events", type=int, default=400_000, help="events in the topic [default: %(default)s]")
    parser.add_argument("--repeats", type=int, default=5, help="turns; medians are reported [default: %(default)s]")
    parser.add_argument("--only", default=",".join(CONTESTANTS), help="contestants, by comma [default: %(default)s]")
    parser.add_argument(
        "--codec",
        choices=("fastavro", "ours"),
        default="fastavro",
        help="how plain Faust, Quix Streams and Bytewax decode and encode: as their users would, or with our generated "
        "code [default: %(default)s]",
    )
    parser.add_argument(
        "--env-dir", type=Path, default=peers.default_dir(), help="peers' environments [default: %(default)s]"
    )


def run(options: argparse.Namespace) -> Report:
    """Measure."""
    events = 4_000 if options.tiny else options.events
    repeats = 1 if options.tiny else options.repeats
    wanted = [name for name in options.only.split(",") if name]
    unknown = sorted(set(wanted) - set(CONTESTANTS))
    if unknown:
        raise SupportpulseError(f"no contestant {', '.join(unknown)}: there are {', '.join(CONTESTANTS)}")
    found_peers, notes = _peers(wanted, options.env_dir)
    found = {name: _Found() for name in wanted if name not in _PEERS or name in found_peers}
    with broker(options.broker, options.scratch / "broker") as there:
        loads = _load(there, events)
        for turn in range(repeats):
            for name, each in found.items():
                told = runs.measure(name, _job(there, name, turn, loads, options), _python(name, found_peers))
                each.stretches.append(rates.stretch(told.marks))
                each.told.append(told)
        _agree(found)
    versions = {
        **there.versions,
        **{key: value for each in found_peers.values() for key, value in each.versions.items()},
    }
    return _report(found, wanted, notes, loads, versions, options)


def _peers(wanted: Sequence[str], env_dir: Path) -> tuple[dict[str, Peer], list[str]]:
    found, notes = {}, []
    for name in (name for name in _PEERS if name in wanted):
        try:
            found[name] = peers.peer(name, env_dir)
        except PeerMissing as exc:
            notes.append(f"NOT MEASURED: {name}: {exc}")
    return found, notes


def _load(there: Broker, events: int) -> dict[str, Load]:
    """Topic → what is in it. The small one is a day like the large one, with fewer conversations."""
    sizes = {"interactions": events, "interactions-few": max(events // _SLOW_SHARE, min(events, 2_000))}
    loads = {}
    for topic, size in sizes.items():
        there.make(RunTopics("load-", topic))
        loads[topic] = there.load(topic, traffic.simulated(size))
    return loads


def _job(there: Broker, name: str, turn: int, loads: dict[str, Load], options: argparse.Namespace) -> Job:
    topic = "interactions-few" if name in _SLOW else "interactions"
    load = loads[topic]
    prefix = f"{name}-{turn}-"
    there.make(RunTopics(prefix, topic))
    folder = options.scratch / f"{name}-{turn}"
    if name in _PEERS or name == "plain_faust":
        there.make_topic(f"{prefix}{name.removeprefix('plain_')}-facts")
    return Job(
        kafka=there.address,
        topic=topic,
        run=prefix,
        stages=(load.events,),
        clock=Clock(load.first_ms, load.last_ms, load.events),
        policies=str(traffic.POLICIES),
        data_dir=str(folder),
        report=str(folder / "report.jsonl"),
        codec=options.codec,
        # Tansu does not give Quix Streams' store the topic configuration that it wants.
        durable=there.kind == "kafka",
    )


def _python(name: str, found: dict[str, Peer]) -> Path | None:
    return found[name].python if name in found else None


def _agree(found: dict[str, _Found]) -> None:
    """The same events make the same facts, whoever folds them."""
    for names in (("worker", "bytewax"), ("plain_faust", "quix")):
        facts = {name: told.facts for name in names if name in found for told in found[name].told}
        if len(set(facts.values())) > 1:
            raise Disagreement(f"facts made of the same events: {facts}")


def _over(found: dict[str, _Found], name: str) -> float | None:
    """The worker over a contestant, both of one turn."""
    ours, theirs = ([stretch.rate for stretch in found.get(each, _Found()).stretches] for each in ("worker", name))
    return rates.compared(ours, theirs)


def _report(
    found: dict[str, _Found],
    wanted: Sequence[str],
    notes: list[str],
    loads: dict[str, Load],
    versions: dict[str, str],
    options: argparse.Namespace,
) -> Report:
    rate = {name: found[name].rate if name in found else None for name in CONTESTANTS}
    ratios = {name: _over(found, name) for name in CONTESTANTS}
    rows = []
    for name in wanted:
        each = found.get(name, _Found())
        figures = count(rate[name]), count(ratios[name], 2), count(each.cpu_us, 1), count(each.peak_mib)
        rows.append((name, _JOBS[name], *figures))
    if options.broker == "tansu" and "quix" in wanted:
        notes = [*notes, "Quix Streams without its changelog: Tansu does not give it the topics that it wants."]
    return Report(
        "throughput",
        {
            **{name: None if value is None else round(value, 1) for name, value in rate.items()},
            "events": loads["interactions"].events,
            "ratios": {f"worker/{name}": ratios[name] for name in CONTESTANTS if name != "worker"},
            "detail": {name: _detail(each) for name, each in found.items()},
            "codec": options.codec,
            "broker": options.broker,
        },
        ("contestant", "does", "events/s", "worker is × as fast", "CPU µs/event", "peak MiB"),
        rows,
        versions,
        notes,
        options.tiny,
    )


def _detail(found: _Found) -> dict[str, object]:
    return {
        "events_per_second": [round(stretch.rate, 1) for stretch in found.stretches],
        "events": found.told[-1].marks[-1].events if found.told else None,
        "facts": found.told[-1].facts if found.told else None,
        "cpu_us_per_event": [round(stretch.cpu_us, 2) for stretch in found.stretches],
        "peak_rss_bytes": [told.peak_rss_bytes for told in found.told],
    }
