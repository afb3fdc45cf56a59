"""The same fold as Faust's documentation would have it: an agent, a table, a topic for the facts, stock transport."""

from __future__ import annotations

import asyncio
from typing import Any

import faust
from faust.serializers import codecs

from bench.contestants.folding import Folding, pack, unpack
from bench.contestants.meter import Job, Meter, job
from schemas.topics import record_key


class HeadCodec(codecs.Codec):  # type: ignore[misc]
    """The table holds objects; the changelog holds them packed."""

    def _dumps(self, head: Any) -> bytes:
        return pack(head)

    def _loads(self, packed: bytes) -> Any:
        return unpack(packed)


def app_for(given: Job) -> Any:
    """The application, in memory as its tables are."""
    codecs.register("head", HeadCodec())
    return faust.App(
        f"{given.run}faust",
        broker=f"kafka://{given.kafka}",
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.5,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=4 * 1024 * 1024,
        topic_disable_leader=True,
        topic_partitions=4,
        stream_recovery_delay=0.0,
        store="memory://",
        datadir=given.data_dir,
        web_enabled=False,
        autodiscover=False,
    )


async def run(given: Job) -> None:
    """Fold every event once."""
    app = app_for(given)
    folding = Folding(given)
    meter = Meter()
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    # The worker's command line would do this before it starts the app.
    app.finalize()
    interactions = app.topic(given.topic, key_type=bytes, value_type=bytes, value_serializer="raw")
    facts = app.topic(f"{given.run}faust-facts", key_type=bytes, value_type=bytes, value_serializer="raw", partitions=4)
    conversations = app.Table("conversations", key_type=bytes, value_type=bytes, partitions=4)
    # A table takes its codec from a type's, and a Head is none of Faust's records.
    conversations.value_serializer = "head"

    @app.agent(interactions)  # type: ignore[untyped-decorator]
    async def fold(events: Any) -> None:
        async for payload in events:
            try:
                found = folding.decode(payload)
                key = record_key(found.tenant, found.conversation_id)
                head, made = folding.fold(conversations.get(key), found)
                conversations[key] = head
                for fact in made:
                    await facts.send(key=fact.key, value=fact.value)
            # Faust would begin again behind the event, and nobody would hear of it.
            except Exception as exc:  # noqa: BLE001
                done.set_exception(exc)
                return
            meter.add(1, len(made))
            if meter.events >= given.stages[-1] and not done.done():
                done.set_result(None)

    await facts.maybe_declare()
    await app.start()
    await done
    meter.mark()
    meter.tell(given)
    await app.stop()


if __name__ == "__main__":
    asyncio.run(run(job()))
