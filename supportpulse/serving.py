"""What `worker`, `gateway`, `sink` and `notify` share: a process that serves until it is told to stop.

with serving.until_told(kafka, "sink", topics, "what it has not landed is read again") as told:
    asyncio.run(serve(told))        # stop = told.event()
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from aiokafka.errors import KafkaError

from schemas.errors import SupportpulseError
from supportpulse import stopping, topics


@contextmanager
def until_told(kafka: str, name: str, needs: Collection[str], left: str) -> Iterator[stopping.Told]:
    """Ask first whether a broker is there and has the topics in `needs`, then serve in the block.

    `left`: what becomes of what was not done. Raises `Unreachable`, `TopicsError`, what ends the block, and
    `SupportpulseError` for Kafka's errors.
    """
    topics.expect(kafka, needs)
    with kafka_named(kafka, name, left), stopping.in_time() as told:
        yield told


@contextmanager
def kafka_named(kafka: str, name: str, left: str) -> Iterator[None]:
    """Inside, an error of Kafka's client becomes one that says which broker failed whom, and what to do."""
    try:
        yield
    except KafkaError as exc:
        raise SupportpulseError(
            f"the broker at {kafka} failed this {name} ({type(exc).__name__}: {exc}): start it again when the broker "
            f"is well; {left}"
        ) from exc


async def told_or_ended(stop: asyncio.Event, ended: Coroutine[Any, Any, None]) -> None:
    """Until `stop` is set, or `ended` returns; raises what `ended` raises."""
    tasks = {asyncio.ensure_future(stop.wait()), asyncio.ensure_future(ended)}
    done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for each in left:
        each.cancel()
    for each in done:
        each.result()
