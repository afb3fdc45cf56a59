"""The same fold in Bytewax, its recovery off: state is objects in memory, and is gone with the process."""

from __future__ import annotations

from typing import Any

import bytewax.operators as op  # type: ignore[import-not-found]
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource  # type: ignore[import-not-found]
from bytewax.dataflow import Dataflow  # type: ignore[import-not-found]
from bytewax.operators import StatefulBatchLogic
from bytewax.testing import run_main  # type: ignore[import-not-found]

from bench.contestants.folding import Folding, Found
from bench.contestants.meter import Job, Meter, job
from streams.partition.head import Head

_BATCH_RECORDS = 4_000


class FoldLogic(StatefulBatchLogic):  # type: ignore[misc]
    """One conversation."""

    def __init__(self, folding: Folding, meter: Meter) -> None:
        self._folding = folding
        self._meter = meter
        self._head: Head | None = None

    def on_batch(self, values: list[Found]) -> tuple[list[Any], bool]:
        """Its events of a batch."""
        made = []
        for found in values:
            self._head, facts = self._folding.fold(self._head, found)
            made += facts
        self._meter.add(len(values), len(made))
        return [KafkaSinkMessage(fact.key, fact.value) for fact in made], StatefulBatchLogic.RETAIN

    def snapshot(self) -> Any:
        """Nobody keeps it."""
        return None


def flow_for(given: Job, meter: Meter) -> Any:
    """Source, decode, fold, sink."""
    folding = Folding(given)

    def decoded(messages: list[Any]) -> list[tuple[str, Found]]:
        events = [folding.decode(message.value) for message in messages]
        return [(f"{event.tenant}/{event.conversation_id}", event) for event in events]

    flow = Dataflow("supportpulse")
    source = KafkaSource([given.kafka], [given.topic], tail=False, batch_size=_BATCH_RECORDS)
    messages = op.input("interactions", flow, source)
    keyed = op.flat_map_batch("decode", messages, decoded)
    folded = op.stateful_batch("fold", keyed, lambda _: FoldLogic(folding, meter))
    op.output(
        "facts", op.map("unkeyed", folded, lambda pair: pair[1]), KafkaSink([given.kafka], f"{given.run}bytewax-facts")
    )
    return flow


def run(given: Job) -> None:
    """Fold every event once."""
    meter = Meter()
    run_main(flow_for(given, meter))
    meter.mark()
    meter.tell(given)


if __name__ == "__main__":
    run(job())
