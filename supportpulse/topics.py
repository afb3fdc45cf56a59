"""Making the Kafka topics, and looking whether they are there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from schemas.errors import SupportpulseError
from schemas.topics import Topics
from supportpulse import reach


class TopicsError(SupportpulseError):
    """The topics are not as they should be. Says which, and what to do."""


@dataclass(frozen=True, slots=True)
class TopicReport:
    """What `ensure` found or made."""

    created: tuple[str, ...]
    existing: tuple[str, ...]


def ensure(kafka: str, topics: Topics, *, partitions: int, replication: int = 1) -> TopicReport:
    """Create what is missing. Raises `TopicsError` if no broker answers or partition counts do not fit together."""
    with _admin(kafka) as admin:
        existing = {name for name in admin.list_topics() if name in {topic.name for topic in topics.all()}}
        created = []
        for topic in topics.all():
            if topic.name not in existing:
                _create(admin, NewTopic(topic.name, partitions, replication, topic_configs=topic.config))
                created.append(topic.name)
        _check(admin, topics)
    return TopicReport(tuple(created), tuple(sorted(existing)))


def expect(kafka: str, names: Collection[str]) -> None:
    """Raises `TopicsError` unless the broker has topics of these names: clients would wait for them without a word."""
    with _admin(kafka) as admin:
        missing = sorted(set(names).difference(admin.list_topics()))
    if missing:
        raise TopicsError(
            f"the broker at {kafka} has no {' and no '.join(missing)}: run `supportpulse topics --kafka {kafka}` first"
        )


@contextmanager
def _admin(kafka: str) -> Iterator[KafkaAdminClient]:
    reach.check_kafka(kafka)
    try:
        admin = KafkaAdminClient(bootstrap_servers=kafka, request_timeout_ms=15_000)
    except KafkaError as exc:
        raise TopicsError(f"no broker answers at {kafka} ({exc}): start it, or name another with --kafka") from exc
    try:
        yield admin
    except KafkaError as exc:
        raise TopicsError(f"the broker at {kafka} did not answer for its topics: {type(exc).__name__}: {exc}") from exc
    finally:
        admin.close()


def _create(admin: KafkaAdminClient, topic: NewTopic) -> None:
    try:
        admin.create_topics([topic], timeout_ms=15_000)
    except TopicAlreadyExistsError:
        # Another process was faster.
        return


def _check(admin: KafkaAdminClient, topics: Topics) -> None:
    names = [topics.interactions, topics.conversation_state]
    source, state = _partition_counts(admin, names)
    if source != state:
        raise TopicsError(
            f"{names[0]} has {source} partitions and {names[1]} has {state}: the state of a partition lies in the "
            f"partition of the same number. Delete {names[1]} (it is rebuilt) and run `supportpulse topics` again"
        )


def _partition_counts(admin: KafkaAdminClient, names: list[str]) -> list[int]:
    # A topic that was just made is not known everywhere at once.
    def counts() -> list[int]:
        found = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(names)}
        return [found.get(name, 0) for name in names]

    patiently = Retrying(
        retry=retry_if_result(lambda found: 0 in found),
        stop=stop_after_delay(15),
        wait=wait_fixed(0.1),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else [],
    )
    return patiently(counts)
