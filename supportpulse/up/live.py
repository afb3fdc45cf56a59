"""`supportpulse up`: everything running, a table of the numbers, until Ctrl-C (without a terminal: one pass)."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError
from rich.console import Console
from rich.live import Live

from schemas import times
from schemas.errors import SupportpulseError
from schemas.topics import Topics
from sinks.clickhouse.embedded import EmbeddedDatabase
from sinks.clickhouse.endpoint import SqlEndpoint
from sinks.errors import DatabaseError
from streams.worker.config import GROUP
from supportpulse import processes, reach
from supportpulse.processes import Server, ServerDied
from supportpulse.settings import Settings
from supportpulse.up.children import drain_worker, start_worker
from supportpulse.up.feed import Feed, plan
from supportpulse.up.landing import SinkThread, sink_of
from supportpulse.up.stack import Stack, open_database, running_stack
from supportpulse.up.view import look, render

_EXAMPLE = "SELECT * FROM agent_scorecard ORDER BY resolutions DESC LIMIT 5"
_REFRESH_SECONDS = 2.0
_SETTLE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """What the command line says."""

    kafka: str | None = None
    policies: Path | None = None
    simulate: bool = True
    days: float | None = None
    conversations_per_day: float | None = None
    seed: int | None = None
    rewrite_policies: bool = False


def simulator_policies() -> Path:
    """The policies that suit the simulated tenants."""
    return Path(str(resources.files("connectors.simulator") / "policies.yaml"))


def run_live(settings: Settings, options: LiveOptions, console: Console) -> None:
    """Run until SIGINT or SIGTERM; without a terminal, until the simulated history has landed."""
    _check_ports(settings, live=console.is_terminal)
    policies = options.policies or (simulator_policies() if options.simulate else None)
    if console.is_terminal:
        console.print("starting: the first numbers take about fifteen seconds")
    with running_stack(
        settings, kafka=options.kafka, policies=policies, rewrite_policies=options.rewrite_policies
    ) as stack:
        stack.restore(times.now_ms())
        if console.is_terminal:
            _Live(stack, options, console).run()
        else:
            _one_pass(stack, options, console)


def _check_ports(settings: Settings, *, live: bool) -> None:
    wanted = ("sink_metrics_port", "sql_port", *(("worker_metrics_port",) if live else ()))
    reach.check_ports(settings.host, {name: getattr(settings, name) for name in wanted})


def _one_pass(stack: Stack, options: LiveOptions, console: Console) -> None:
    now_ms = times.now_ms()
    console.print(f"running: {_kafka(stack)}, {_clickhouse(stack)}, logs in {stack.data_dir.logs}")
    with ExitStack() as cleanup:
        _answer_questions(stack, cleanup)
        sink = sink_of(stack, metrics_port=stack.settings.sink_metrics_port)
        cleanup.callback(sink.stop)
        sink.start()
        if options.simulate:
            feed = _feed(stack, options)
            feed.history(now_ms)
            console.print(f"published {feed.published:,} events of simulated support traffic, up to now")
            began = time.monotonic()
            drain_worker(stack, feed.offsets, now_ms)
        sink.drain()
        if options.simulate:
            console.print(f"processed and landed in {time.monotonic() - began:.1f} s")
    console.print(render(look(stack.database, now_ms), _hints(stack)))


def _answer_questions(stack: Stack, cleanup: ExitStack) -> None:
    """Let `supportpulse sql` in: nobody else can open what we have open."""
    if stack.settings.embedded:
        reader = EmbeddedDatabase(stack.data_dir.clickhouse, readonly=True)
        cleanup.callback(reader.close)
        endpoint = SqlEndpoint(reader, stack.data_dir.root, stack.settings.sql_port)
        cleanup.callback(endpoint.stop)
        endpoint.start()


class _Live:
    """The parts of a live run, and their order of starting and stopping."""

    def __init__(self, stack: Stack, options: LiveOptions, console: Console) -> None:
        self._stack = stack
        self._options = options
        self._console = console
        self._stop = threading.Event()
        self._worker_port = stack.settings.worker_metrics_port

    def run(self) -> None:
        with ExitStack() as cleanup:
            for name in (signal.SIGINT, signal.SIGTERM):
                previous = signal.signal(name, lambda *_: self._stop.set())
                cleanup.callback(signal.signal, name, previous)
            sink = sink_of(self._stack, metrics_port=self._stack.settings.sink_metrics_port)
            cleanup.callback(sink.stop)
            sink.start()
            _answer_questions(self._stack, cleanup)
            worker = start_worker(self._stack, self._worker_port)
            cleanup.callback(worker.stop)
            feed = _feed(self._stack, self._options) if self._options.simulate else None
            self._show(worker, feed, sink)
            self._settle(worker, feed, sink)

    def _show(self, worker: Server, feed: Feed | None, sink: SinkThread) -> None:
        database = open_database(self._stack.settings, self._stack.data_dir, readonly=True)
        feeding = threading.Thread(target=_feed_all, args=(feed,), name="feed", daemon=True)
        feeding.start()
        try:
            with Live(console=self._console, auto_refresh=False, transient=False) as screen:
                while not self._stop.is_set():
                    _check(worker, feed, sink)
                    try:
                        screen.update(render(look(database, times.now_ms()), self._notes(feed)), refresh=True)
                    except DatabaseError as exc:
                        screen.update(f"ClickHouse does not answer: {exc}", refresh=True)
                    self._stop.wait(_REFRESH_SECONDS)
        finally:
            if feed is not None:
                feed.stop()
            feeding.join()
            database.close()

    def _notes(self, feed: Feed | None) -> list[str]:
        settings = self._stack.settings
        published = "" if feed is None else f"published {feed.published:,} events   "
        return [
            f"{published}Ctrl-C ends",
            f"Kafka {self._stack.kafka}   metrics http://{settings.host}:{self._worker_port}/metrics"
            f" http://{settings.host}:{settings.sink_metrics_port}/metrics   logs {self._stack.data_dir.logs}",
            *_hints(self._stack),
        ]

    def _settle(self, worker: Server, feed: Feed | None, sink: SinkThread) -> None:
        """With a broker that forgets, everything that was accepted has to land before it stops."""
        self._console.print("stopping: what was accepted lands first")
        if feed is not None:
            _wait_for_worker(self._stack, feed.offsets, worker)
        worker.stop()
        sink.drain()


def _feed_all(feed: Feed | None) -> None:
    if feed is None:
        return
    try:
        feed.history(times.now_ms())
    except SupportpulseError as exc:
        feed.failure = exc
        return
    feed.go_live()


def _check(worker: Server, feed: Feed | None, sink: SinkThread) -> None:
    if not worker.running:
        raise ServerDied(
            f"the worker ended with {worker.process.returncode}; its log is {worker.log_path}:\n"
            f"{processes.tail(worker.log_path)}"
        )
    if feed is not None and feed.failure is not None:
        raise feed.failure
    sink.check()


def _wait_for_worker(stack: Stack, offsets: dict[int, int], worker: Server) -> None:
    deadline = time.monotonic() + _SETTLE_SECONDS
    while worker.running and time.monotonic() < deadline:
        committed = committed_offsets(stack.kafka)
        if all(committed.get(partition, 0) > offset for partition, offset in offsets.items()):
            return
        time.sleep(0.2)


def committed_offsets(kafka: str) -> dict[int, int]:
    """Partition of `interactions` → what the workers have committed."""
    try:
        admin = KafkaAdminClient(bootstrap_servers=kafka)
        try:
            found = admin.list_group_offsets({GROUP: None})[GROUP]
        finally:
            admin.close()
    except KafkaError as exc:
        raise SupportpulseError(f"the broker at {kafka} does not say what was committed: {exc}") from exc
    topic = Topics().interactions
    return {tp.partition: found[tp].offset for tp in found if tp.topic == topic}


def _feed(stack: Stack, options: LiveOptions) -> Feed:
    memo = stack.data_dir.root / "simulation.json"
    wanted = plan(
        memo,
        days=options.days,
        conversations_per_day=options.conversations_per_day,
        seed=options.seed,
        now_ms=times.now_ms(),
    )
    return Feed(wanted, stack.kafka, memo)


def _hints(stack: Stack) -> list[str]:
    where = "" if str(stack.data_dir.root) == "data" else f" --data-dir {shlex.quote(str(stack.data_dir.root))}"
    if not stack.settings.embedded:
        # The address may hold a password, which does not belong on a screen.
        return [f'ask: {_program()} sql "{_EXAMPLE}" --clickhouse URL']
    return [f'ask: {_program()} sql "{_EXAMPLE}"{where} --format Vertical']


def _program() -> str:
    """How to call it once more: by its name where the shell finds it, else by its path."""
    program = Path(sys.argv[0])
    if program.name == "__main__.py":
        return "python -m supportpulse"
    found = shutil.which(program.name)
    if found is not None and Path(found).resolve() == program.resolve():
        return program.name
    return os.path.relpath(program)


def _kafka(stack: Stack) -> str:
    return f"an embedded broker at {stack.kafka}" if stack.forgetful else f"Kafka at {stack.kafka}"


def _clickhouse(stack: Stack) -> str:
    return f"ClickHouse in {stack.data_dir.clickhouse}" if stack.settings.embedded else "your ClickHouse"
