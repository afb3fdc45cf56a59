"""The processes that `up` starts of itself."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping

from schemas import times
from schemas.times import EpochMs
from supportpulse import processes
from supportpulse.processes import Server, ServerDied, tail
from supportpulse.up.stack import Stack


def start_worker(stack: Stack, metrics_port: int) -> Server:
    """A worker that works until it is stopped. Its log is logs/worker.log."""
    return _worker(stack, metrics_port, [])


def drain_worker(stack: Stack, until: Mapping[int, int], as_of_ms: EpochMs) -> None:
    """Run a worker over everything up to the offsets `until`. Raises `ServerDied` if it fails."""
    offsets = ",".join(f"{partition}={offset}" for partition, offset in sorted(until.items()))
    port = processes.free_port()
    worker = _worker(stack, port, ["--until", offsets, "--as-of", times.render(as_of_ms)])
    try:
        while worker.running:
            time.sleep(0.05)
    finally:
        worker.stop()
    if worker.process.returncode:
        raise ServerDied(
            f"the worker ended with {worker.process.returncode}; its log is {worker.log_path}:\n{tail(worker.log_path)}"
        )


def _worker(stack: Stack, metrics_port: int, more: list[str]) -> Server:
    command = [
        *(sys.executable, "-m", "supportpulse", "worker"),
        *("--kafka", stack.kafka),
        *("--data-dir", str(stack.data_dir.worker)),
        *("--metrics-port", str(metrics_port)),
        *("--epoch", str(stack.epoch)),
        *("--session-timeout", str(stack.session_timeout_seconds)),
        *(("--policies", str(stack.policies)) if stack.policies else ()),
        *(("--rewrite-policies",) if stack.rewrite_policies else ()),
        *more,
    ]
    return processes.start(
        "the worker",
        command,
        # A drain of little may be over before anybody could see it listening.
        ready=(lambda: True) if more else (lambda: processes.accepts(metrics_port)),
        log_path=stack.data_dir.logs / "worker.log",
        # Not on the command line, where everybody could read the password.
        env={**os.environ, "SUPPORTPULSE_CLICKHOUSE": stack.settings.clickhouse},
    )
