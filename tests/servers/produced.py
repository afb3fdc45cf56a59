"""What producers ask of brokers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.protocol.produce import ProduceRequest


@contextmanager
def acks_asked_of(producer: AIOKafkaProducer) -> Iterator[list[int]]:
    """How many replicas each produce request within the block waits for: -1 for all, 1 for the leader alone."""
    asked: list[int] = []
    send = producer.client.send

    async def noted(node_id: int, request: Any, **options: Any) -> Any:
        if isinstance(request, ProduceRequest):
            asked.append(request.required_acks)
        return await send(node_id, request, **options)

    producer.client.send = noted
    try:
        yield asked
    finally:
        producer.client.send = send
