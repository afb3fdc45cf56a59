"""The same fold in Quix Streams: its consumer, its state (RocksDB), its changelog, its producer."""

from __future__ import annotations

from typing import Any

from quixstreams import Application, State  # type: ignore[import-not-found]

from bench.contestants.folding import Folding, pack, unpack
from bench.contestants.meter import Job, Meter, job


def run(given: Job) -> None:
    """Fold every event once."""
    folding = Folding(given)
    meter = Meter()
    app = Application(
        given.kafka,
        consumer_group=f"{given.run}quix",
        auto_offset_reset="earliest",
        state_dir=given.data_dir,
        use_changelog_topics=given.durable,
        loglevel="WARNING",
    )
    interactions = app.topic(given.topic, key_deserializer="bytes", value_deserializer="bytes")
    facts = app.topic(f"{given.run}quix-facts", key_serializer="bytes", value_serializer="bytes")

    def fold(payload: bytes, state: State) -> list[bytes]:
        found = folding.decode(payload)
        packed = state.get_bytes("head")
        head, made = folding.fold(None if packed is None else unpack(packed), found)
        state.set_bytes("head", pack(head))
        meter.add(1, len(made))
        if meter.events >= given.stages[-1]:
            app.stop()
        return [fact.value for fact in made]

    folded: Any = app.dataframe(interactions).apply(fold, stateful=True, expand=True)
    folded.to_topic(facts)
    app.run()
    meter.mark()
    meter.tell(given)


if __name__ == "__main__":
    run(job())
