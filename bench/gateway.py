"""Requests a second of one gateway, verified, mapped and acknowledged by Kafka, over a bare server that reads them."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench import rates
from bench.brokers import broker
from bench.contestants.http_load import LoadJob, LoadReport
from bench.report import Report, count, ratio
from connectors.channels.signatures import hex_hmac
from schemas import times
from schemas.errors import SupportpulseError
from schemas.topics import Topics
from supportpulse import processes

_ROOT = Path(__file__).parents[1]
_SECRET = "of-the-benchmark"
_CONVERSATIONS = 500
_REQUESTS = 4_000
_LABELS = {"bare": "aiohttp's low-level server", "application": "aiohttp application", "gateway": "gateway"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("--seconds", type=float, default=10.0, help="of each run [default: %(default)s]")
    # So many that the gateway has something to do while others wait for Kafka; the bare ones are no slower with them.
    parser.add_argument("--connections", type=int, default=128, help="kept open [default: %(default)s]")
    parser.add_argument("--repeats", type=int, default=3, help="turns; medians are reported [default: %(default)s]")


def run(options: argparse.Namespace) -> Report:
    """Measure."""
    seconds, repeats = (1.0, 1) if options.tiny else (options.seconds, options.repeats)
    scratch: Path = options.scratch
    full: dict[str, list[LoadReport]] = {name: [] for name in _LABELS}
    cpu_us: dict[str, list[float]] = {name: [] for name in _LABELS}
    with broker(options.broker, scratch / "broker") as there:
        there.make(Topics())
        with (
            _gateway(there.address, scratch) as ours,
            _bare("server", scratch) as low,
            _bare("application", scratch) as application,
        ):
            for _ in range(repeats):
                for name, each in zip(_LABELS, (low, application, ours), strict=True):
                    before = each.cpu_seconds()
                    report = _load(scratch, each.port, options.connections, seconds)
                    full[name].append(report)
                    cpu_us[name].append(1e6 * (each.cpu_seconds() - before) / report.all_answered)
            rate = _rate(full["gateway"])
            half = [_load(scratch, ours.port, options.connections, seconds, rate / 2) for _ in range(repeats)]
        versions = dict(there.versions)
    return _report(full, cpu_us, half, versions, options)


@dataclass(frozen=True, slots=True)
class _Server:
    port: int
    process: subprocess.Popen[bytes]

    def cpu_seconds(self) -> float:
        """What it has used so far, all its threads; 0 where the system does not tell."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rate(reports: Sequence[LoadReport]) -> float:
    return rates.middle([report.answered / report.seconds for report in reports]) or 0.0


@contextmanager
def _gateway(kafka: str, scratch: Path) -> Iterator[_Server]:
    sources = scratch / "sources.yaml"
    sources.write_text(
        "sources:\n  - {name: main, vendor: chatwoot, tenant: acme, secrets: [env:SECRET]}\n", encoding="utf-8"
    )
    port = processes.free_port()
    command = ["-m", "supportpulse", "gateway", "--sources", str(sources), "--kafka", kafka, "--port", str(port)]
    with _process("gateway", command, port, scratch) as server:
        yield server


@contextmanager
def _bare(kind: str, scratch: Path) -> Iterator[_Server]:
    port = processes.free_port()
    with _process(f"bare-{kind}", ["-m", "bench.contestants.bare_http", kind, str(port)], port, scratch) as server:
        yield server


@contextmanager
def _process(name: str, arguments: list[str], port: int, scratch: Path) -> Iterator[_Server]:
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), "SECRET": _SECRET}
    log_path = scratch / f"{name}.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen([sys.executable, *arguments], env=environment, cwd=_ROOT, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while not processes.accepts(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SupportpulseError(f"{name} did not start:\n{processes.tail(log_path)}")
            time.sleep(0.05)
        yield _Server(port, process)
    finally:
        process.terminate()
        process.wait(30)


def _load(scratch: Path, port: int, connections: int, seconds: float, per_second: float = 0.0) -> LoadReport:
    # Signed anew for each run: a signature is good for five minutes.
    path = scratch / "requests"
    path.write_bytes(msgspec.msgpack.encode([_request(number) for number in range(1, _REQUESTS + 1)]))
    job = LoadJob(port=port, requests=str(path), connections=connections, seconds=seconds, per_second=per_second)
    done = subprocess.run(
        [sys.executable, "-m", "bench.contestants.http_load", msgspec.json.encode(job).decode()],
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        cwd=_ROOT,
        capture_output=True,
        timeout=seconds + 60,
        check=False,
    )
    if done.returncode:
        raise SupportpulseError(f"the load ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    report = msgspec.json.decode(done.stdout, type=LoadReport)
    if report.refused:
        raise SupportpulseError(f"{report.refused} of {report.answered} requests were not answered with 200")
    return report


def _request(number: int) -> bytes:
    body = msgspec.json.encode(_message(number))
    stamp = str(int(time.time()))
    signature = hex_hmac(_SECRET.encode(), stamp.encode() + b"." + body)
    head = (
        "POST /v1/hooks/chatwoot/main HTTP/1.1\r\nHost: hooks.example.com\r\nUser-Agent: bench\r\nAccept: */*\r\n"
        f"Content-Type: application/json\r\nX-Chatwoot-Timestamp: {stamp}\r\n"
        f"X-Chatwoot-Signature: sha256={signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _message(number: int) -> dict[str, object]:
    """A customer's message as Chatwoot tells it, about two kilobytes."""
    at = times.render(times.now_ms())
    conversation, sender = (
        1 + number % _CONVERSATIONS,
        {"id": 7 + number % 300, "type": "contact", "name": "A. Customer"},
    )
    words = "It worked yesterday, and since this morning it does not. " * 4
    return {
        "event": "message_created",
        "id": number,
        "content": words,
        "content_attributes": {},
        "content_type": "text",
        "message_type": "incoming",
        "private": False,
        "created_at": at,
        "source_id": f"s-{number}",
        "account": {"id": 3, "name": "Acme"},
        "inbox": {"id": 5, "name": "Site"},
        "sender": {**sender, "email": "a@customer.example", "phone_number": None, "additional_attributes": {}},
        "conversation": {
            "id": conversation,
            "inbox_id": 5,
            "channel": "Channel::WebWidget",
            "status": "open",
            "can_reply": True,
            "additional_attributes": {"browser": {"name": "Firefox", "version": "144"}, "referer": "https://a.example"},
            "contact_inbox": {"id": 11, "contact_id": 7, "inbox_id": 5, "source_id": "0123-4567-89ab-cdef"},
            "messages": [{"id": number, "content": words, "message_type": 0, "private": False, "sender": sender}],
            "meta": {"sender": sender, "assignee": None, "hmac_verified": False},
            "labels": ["billing", "first-contact"],
            "custom_attributes": {},
            "unread_count": 1,
            "timestamp": int(time.time()),
        },
    }


def _report(
    full: dict[str, list[LoadReport]],
    cpu_us: dict[str, list[float]],
    half: list[LoadReport],
    versions: dict[str, str],
    options: argparse.Namespace,
) -> Report:
    rate = {name: _rate(reports) for name, reports in full.items()}
    ours = rate["gateway"]
    p50, p99 = (rates.middle([getattr(report, name) for report in half]) for name in ("p50_ms", "p99_ms"))
    shares = {name: rates.middle([report.cpu_share for report in reports]) for name, reports in full.items()}
    used = {name: rates.middle(each) for name, each in cpu_us.items()}
    figures = {
        "events": sum(report.answered for report in full["gateway"]),
        "broker": options.broker,
        "connections": options.connections,
        "gateway_per_second": round(ours),
        "bare_per_second": round(rate["bare"]),
        "application_per_second": round(rate["application"]),
        "ratio": ratio(ours, rate["bare"]),
        "ratio_to_application": ratio(ours, rate["application"]),
        "cpu_us_per_request": used,
        "half_per_second": round(ours / 2),
        "half_p50_ms": p50,
        "half_p99_ms": p99,
        "load_cpu_share": shares,
    }
    rows = [
        *((_LABELS[name], count(rate[name]), count(used[name]), "", "", count(shares[name], 2)) for name in _LABELS),
        ("gateway at half", count(_rate(half)), "", count(p50, 1), count(p99, 1), count(half[0].cpu_share, 2)),
    ]
    headers = ("server", "requests/s", "µs CPU per request", "p50 ms", "p99 ms", "load's share of a core")
    notes = (
        f"gateway/bare {figures['ratio']}, gateway/application {figures['ratio_to_application']}. Both read the body "
        f"and answer; the gateway verifies and maps every request, and {options.broker} acknowledges it.",
    )
    return Report("gateway", figures, headers, rows, versions, notes, options.tiny)
