"""The broker's side: is it there, are the topics there, and are they kept as long and as safely as they must be?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kafka.admin import ConfigResource, KafkaAdminClient
from kafka.errors import KafkaError

from schemas.errors import SupportpulseError
from schemas.topics import Topics
from supportpulse import reach
from supportpulse.doctor.findings import Finding, Findings, error, ok, unknown, warning

_DAY_MS = 86_400_000
#: A backlog of a week is what an outage over holidays leaves behind.
_RETENTION_MS = 7 * _DAY_MS
_REPLICAS = 3


class BrokerSilent(SupportpulseError):
    """The broker does not answer a question. Says which, and what to do."""


@contextmanager
def admin(kafka: str) -> Iterator[Any]:
    """A client for questions. Raises `BrokerSilent` and `Unreachable`."""
    reach.check_kafka(kafka)
    client = None
    try:
        client = KafkaAdminClient(bootstrap_servers=kafka, request_timeout_ms=15_000)
        yield client
    except KafkaError as exc:
        raise BrokerSilent(
            f"the broker at {kafka} does not answer ({type(exc).__name__}: {exc}): look at its log"
        ) from exc
    finally:
        if client is not None:
            client.close()


def examine(kafka: str, topics: Topics) -> Findings:
    """Everything that concerns the broker alone. Raises `SupportpulseError` if it cannot be asked at all."""
    with admin(kafka) as client:
        brokers = len(client.describe_cluster()["brokers"])
        yield ok("kafka", f"{kafka} answers, {brokers} broker{'s' if brokers > 1 else ''}")
        names = [topic.name for topic in topics.all()]
        there = set(client.list_topics())
        missing = [name for name in names if name not in there]
        if missing:
            yield error("topics", f"missing: {', '.join(missing)}", "run `supportpulse topics`")
        else:
            yield ok("topics", f"all {len(names)} are there")
        found = {each["name"]: each for each in client.describe_topics([name for name in names if name in there])}
        yield from partition_counts({name: len(each["partitions"]) for name, each in found.items()}, topics)
        yield from replication(found, brokers)
        yield from settings(_configs(client, sorted(found)), topics, _replicas(found))


def partition_counts(counts: Mapping[str, int], topics: Topics) -> Findings:
    """State must lie in the partition of the same number; facts should."""
    source = counts.get(topics.interactions)
    if source is None:
        return
    state = counts.get(topics.conversation_state, source)
    facts = counts.get(topics.facts, source)
    if state != source:
        yield error(
            "partitions",
            f"{topics.interactions} has {source}, {topics.conversation_state} has {state}",
            f"stop the workers, delete {topics.conversation_state} and run `supportpulse topics`: state is read anew",
        )
    elif facts != source:
        yield warning(
            "partitions",
            f"{topics.interactions} has {source}, {topics.facts} has {facts}",
            "nothing is lost, but facts are spread by key once more: make both equal when you set the topics up anew",
        )
    else:
        yield ok("partitions", f"{source} of {topics.interactions}, its state and its facts")


def replication(found: Mapping[str, Mapping[str, Any]], brokers: int) -> Findings:
    """As many copies as there can be, all of them in step."""
    partitions = [(name, each) for name, topic in found.items() for each in topic["partitions"]]
    if not partitions:
        return
    behind = sorted({name for name, each in partitions if len(each["isr_nodes"]) < len(each["replica_nodes"])})
    wanted = min(_REPLICAS, brokers)
    few = sorted({name for name, each in partitions if len(each["replica_nodes"]) < wanted})
    if behind:
        yield error("replicas", f"not in step: {', '.join(behind)}", "look for a broker that is down or too slow")
    elif few:
        yield warning("replicas", f"fewer than {wanted}: {', '.join(few)}", "raise them with kafka-reassign-partitions")
    elif brokers == 1:
        yield warning(
            "replicas", "one broker, so one copy of everything", f"in production: {_REPLICAS} brokers and replicas"
        )
    else:
        yield ok("replicas", f"{wanted} of every topic, in step")


#: The setting of a topic that says how large a record, with its batch, may be.
_LARGEST = "max.message.bytes"


def settings(configs: Mapping[str, Mapping[str, str]], topics: Topics, replicas: int) -> Findings:
    """The topics' configuration, as far as the broker tells."""
    events = configs.get(topics.interactions) or {}
    yield _insync(events.get("min.insync.replicas"), replicas)
    yield _retention(events.get("retention.ms"), topics)
    yield _compaction(configs, topics)
    yield _sizes(configs, topics)


def _insync(said: str | None, replicas: int) -> Finding:
    if said is None:
        return unknown("min.insync.replicas", "cannot be asked here")
    if replicas > 1 and int(said) < 2:
        return error(
            "min.insync.replicas",
            f"{said}: an event that was accepted may lie on one broker alone",
            "set it to 2 on every topic",
        )
    if int(said) > replicas:
        return error("min.insync.replicas", f"{said} of {replicas} replicas: nobody can publish", "lower it")
    return ok("min.insync.replicas", f"{said} of {replicas}")


def _retention(said: str | None, topics: Topics) -> Finding:
    if said is None:
        return unknown("retention", "cannot be asked here")
    kept_ms = int(said)
    if 0 <= kept_ms < _RETENTION_MS:
        return error(
            "retention",
            f"{topics.interactions} keeps {kept_ms / _DAY_MS:.3g} days",
            "an outage that lasts longer loses events: set retention.ms to 7 days or more",
        )
    return ok(
        "retention", f"{topics.interactions} keeps {'everything' if kept_ms < 0 else f'{kept_ms / _DAY_MS:.3g} days'}"
    )


def _compaction(configs: Mapping[str, Mapping[str, str]], topics: Topics) -> Finding:
    said = {name: (configs.get(name) or {}).get("cleanup.policy") for name in configs}
    if not any(said.values()):
        return unknown("cleanup.policy", "cannot be asked here")
    kept = (topics.conversation_state, topics.redriven)
    wrong = [name for name in kept if said.get(name) not in (None, "compact")]
    wrong += [name for name, policy in said.items() if name not in kept and policy and "compact" in policy]
    if wrong:
        return error(
            "cleanup.policy",
            ", ".join(f"{name} has {said[name]}" for name in wrong),
            f"compact for {' and '.join(kept)}, delete for the others: state would be forgotten, or events be lost",
        )
    return ok("cleanup.policy", f"compact for {' and '.join(kept)}")


def _sizes(configs: Mapping[str, Mapping[str, str]], topics: Topics) -> Finding:
    wanted = {topic.name: topic.config.get(_LARGEST) for topic in topics.all()}
    said = {name: each[_LARGEST] for name, each in configs.items() if wanted.get(name) and _LARGEST in each}
    if not said:
        return unknown(_LARGEST, "cannot be asked here")
    small = [name for name, found in said.items() if int(found) < int(wanted[name] or 0)]
    if small:
        return warning(
            _LARGEST,
            ", ".join(f"{name} takes {int(said[name]):,} bytes" for name in small),
            "set it to " + " and ".join(f"{wanted[name]} for {name}" for name in small) + ": else whoever has more "
            "to say ends there, at every start",
        )
    return ok(_LARGEST, f"enough for {' and '.join(sorted(said))}")


def _replicas(found: Mapping[str, Mapping[str, Any]]) -> int:
    return min((len(each["replica_nodes"]) for topic in found.values() for each in topic["partitions"]), default=0)


def _configs(client: Any, names: list[str]) -> dict[str, dict[str, str]]:
    """Topic → setting → value. A broker that tells none gives empty ones."""
    try:
        answer = client.describe_configs([ConfigResource("topic", name) for name in names], config_filter="all")
    except KafkaError:
        return {name: {} for name in names}
    said: Mapping[str, Mapping[str, Any]] = answer.get("topic", {})
    return {name: {key: _value(value) for key, value in (said.get(name) or {}).items()} for name in names}


def _value(said: Any) -> str:
    return str(said["value"] if isinstance(said, Mapping) else said)
