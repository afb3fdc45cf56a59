"""Topics as the pipeline needs them, on real brokers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from schemas.topics import Topics
from supportpulse.topics import TopicsError, ensure
from tests.servers.plugin import Broker


def test_state_that_would_lie_in_other_partitions_than_its_events_is_refused(
    broker: Broker, unique: Callable[[str], str]
) -> None:
    topics = Topics(unique("t") + "-")
    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    try:
        admin.create_topics([NewTopic(topics.conversation_state, 2, 1)])
    finally:
        admin.close()
    with pytest.raises(TopicsError, match=f"3 partitions and {topics.conversation_state} has 2"):
        ensure(broker.address, topics, partitions=3)
