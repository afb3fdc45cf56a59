"""A sink for the ClickHouse server of 2018, as a process: `python -m chaos.landing KAFKA CLICKHOUSE [drain]`.

`supportpulse sink` wants the tables of this release, which that server does not have; this is the same service over
tables in its types.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from schemas import times
from sinks.service import SinkConfig, SinkService
from supportpulse import logs
from tests.pipeline.legacy import LegacyServer

SESSION_MS = 6_000


async def land(kafka: str, clickhouse: str, *, drain: bool) -> None:
    """Land until SIGTERM, or until all that lies there now has landed."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    database = LegacyServer(clickhouse)
    service = SinkService(SinkConfig(kafka=kafka, session_timeout_ms=SESSION_MS), database, clock=times.now_ms)
    await service.start()
    goal = asyncio.ensure_future(service.drain() if drain else service.wait())
    stopped = asyncio.ensure_future(stop.wait())
    done, _ = await asyncio.wait({goal, stopped}, return_when=asyncio.FIRST_COMPLETED)
    await service.stop()
    for each in done:
        each.result()
    database.close()


if __name__ == "__main__":
    logs.configure()
    asyncio.run(land(sys.argv[1], sys.argv[2], drain=len(sys.argv) > 3))
