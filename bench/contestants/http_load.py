"""Requests over kept connections, as fast as they are answered or at a pace; a process of its own."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from itertools import cycle
from pathlib import Path

import msgspec
import uvloop

_TICK_SECONDS = 0.001
_NOT_COUNTED = 0.2


class LoadJob(msgspec.Struct, frozen=True, kw_only=True):
    """What to send. `requests`: a file of whole HTTP requests, a msgpack list. `per_second` 0: as fast as it goes."""

    port: int
    requests: str
    connections: int
    seconds: float
    per_second: float = 0.0


class LoadReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it, behind a warm-up of a fifth. `cpu_share`: of one core, this process's."""

    answered: int
    #: The warm-up included.
    all_answered: int
    refused: int
    seconds: float
    cpu_share: float
    p50_ms: float
    p99_ms: float


class Load:
    """Counts answers and remembers how long each took, from the moment at which it was due."""

    def __init__(self, job: LoadJob, requests: list[bytes]) -> None:
        self._job = job
        self._next = cycle(requests).__next__
        self._idle: deque[Connection] = deque()
        self._due: deque[float] = deque()
        self.took: list[tuple[float, float]] = []
        self.refused = 0
        self.open = True

    def answered(self, connection: Connection, due: float, status: bytes) -> None:
        """A connection is free again."""
        now = time.perf_counter()
        if status != b"200":
            self.refused += 1
        self.took.append((now, now - due))
        if not self.open:
            return
        if not self._job.per_second:
            connection.send(self._next(), now)
        elif self._due:
            connection.send(self._next(), self._due.popleft())
        else:
            self._idle.append(connection)

    def free(self, connection: Connection) -> None:
        """A connection is there."""
        self._idle.append(connection)

    async def run(self) -> None:
        """Until the time is over."""
        began = time.perf_counter()
        sent = 0
        if not self._job.per_second:
            while self._idle:
                self._idle.popleft().send(self._next(), began)
        while (passed := time.perf_counter() - began) < self._job.seconds:
            wanted = int(passed * self._job.per_second)
            while sent < wanted:
                # Due at its own moment and not at that of the tick: a queue that grows shows in the latencies.
                self._due.append(began + sent / self._job.per_second)
                sent += 1
            while self._idle and self._due:
                self._idle.popleft().send(self._next(), self._due.popleft())
            await asyncio.sleep(_TICK_SECONDS if self._job.per_second else 0.05)
        self.open = False


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._due = 0.0
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._load.free(self)

    def send(self, request: bytes, due: float) -> None:
        """Send one."""
        self._due = due
        self._got = b""
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, found, rest = self._got.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        if len(rest) >= length:
            self._load.answered(self, self._due, head[9:12])


async def _run(job: LoadJob) -> LoadReport:
    requests = msgspec.msgpack.decode(Path(job.requests).read_bytes(), type=list[bytes])
    load = Load(job, requests)
    loop = asyncio.get_running_loop()
    for _ in range(job.connections):
        await loop.create_connection(lambda: Connection(load), "127.0.0.1", job.port)
    cpu, began = time.process_time(), time.perf_counter()
    await load.run()
    ended = time.perf_counter()
    share = (time.process_time() - cpu) / (ended - began)
    from_then = began + _NOT_COUNTED * (ended - began)
    counted = sorted(took for at, took in load.took if from_then <= at <= ended)
    if not counted:
        raise SystemExit("nothing was answered")
    return LoadReport(
        answered=len(counted),
        all_answered=len(load.took),
        refused=load.refused,
        seconds=ended - from_then,
        cpu_share=share,
        p50_ms=1000 * counted[len(counted) // 2],
        p99_ms=1000 * counted[int(0.99 * len(counted))],
    )


if __name__ == "__main__":
    _job = msgspec.json.decode(sys.argv[1].encode(), type=LoadJob)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(_run(_job))))
