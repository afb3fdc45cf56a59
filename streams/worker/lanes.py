"""Work on several partitions at a time, and on each of them one thing after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from schemas.errors import SupportpulseError

Job = Callable[[], Awaitable[None]]


class LaneCancelled(SupportpulseError):
    """A job was cancelled, and not by whoever ends its lanes. Offsets must not move behind it."""


class Lanes:
    """While one partition's chunk waits for the broker, another one's is folded.

    The first exception of any job goes to `on_failure`; nothing is started after it. So does the cancelling of a
    job by anybody but `stop`: nobody else would notice that its lane has ended.
    """

    def __init__(self, on_failure: Callable[[Exception], None], waiting: int = 1) -> None:
        self._on_failure = on_failure
        self._waiting = waiting
        self._queues: dict[int, asyncio.Queue[Job]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._busy: set[asyncio.Queue[Job]] = set()
        self._closed = False
        self._stopped = False

    async def put(self, lane: int, job: Job) -> None:
        """Queue a job; waits while `waiting` others of the lane are queued."""
        queue = self._queues.get(lane)
        if queue is None:
            queue = self._queues[lane] = asyncio.Queue(self._waiting)
            self._tasks.append(asyncio.create_task(self._drive(queue), name=f"lane {lane}"))
        await queue.put(job)

    async def finish(self, within_seconds: float) -> None:
        """Start nothing more, and give what is under way so long to end."""
        self._closed = True
        busy = [task for queue, task in zip(self._queues.values(), self._tasks, strict=True) if queue in self._busy]
        if busy:
            await asyncio.wait(busy, timeout=within_seconds)

    async def stop(self) -> None:
        """Give up what is queued, and what is under way."""
        self._stopped = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _drive(self, queue: asyncio.Queue[Job]) -> None:
        while not self._closed:
            job = await queue.get()
            if self._closed:
                return
            self._busy.add(queue)
            try:
                await job()
            except asyncio.CancelledError:
                if self._stopped:
                    raise
                self._give_up(LaneCancelled("a chunk was given up half-way by mistake: start the worker again"))
            # Whatever it was, offsets must not move behind it: the worker ends.
            except Exception as exc:  # noqa: BLE001
                self._give_up(exc)
            finally:
                self._busy.discard(queue)

    def _give_up(self, exc: Exception) -> None:
        self._closed = True
        self._on_failure(exc)
