"""The fold for contestants that are not ours: the same code, one event and one conversation at a time.

State is a `Head`, an object where the contestant keeps objects, packed where it keeps bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import msgspec
from fastavro import schemaless_reader

from bench.contestants.meter import Job
from schemas import fast, wire
from schemas.records import Call, MetricFact, Survey
from schemas.registry import HEADER_BYTES, latest
from schemas.topics import record_key
from streams.fold.events import LogEvent
from streams.fold.state import FoldState
from streams.partition.conversation import Conversation
from streams.partition.head import Head
from streams.partition.reading import read
from streams.sla import policy_file

pack = msgspec.msgpack.Encoder().encode
unpack: Callable[[bytes], Head] = msgspec.msgpack.Decoder(Head).decode

_SCHEMA = latest("interaction_event").parsed


class Found(NamedTuple):
    """An event, and whose it is."""

    tenant: str
    conversation_id: str
    event: LogEvent


class Fact(NamedTuple):
    """A fact to emit."""

    key: bytes
    value: bytes


class Folding:
    """Decodes, folds and encodes as the job says."""

    def __init__(self, job: Job) -> None:
        self._book = policy_file.load(Path(job.policies))
        self.decode: Callable[[bytes], Found] = _read_as_we_do if job.codec == "ours" else read_with_fastavro
        self._encode: Callable[[MetricFact], bytes] = fast.encode_fact if job.codec == "ours" else wire.encode_fact

    def fold(self, head: Head | None, found: Found) -> tuple[Head, list[Fact]]:
        """The conversation's state after the event, changed in place, and the facts to emit."""
        tenant, conversation_id, event = found
        if head is None:
            head = Head(FoldState())
        conversation = Conversation("", tenant, conversation_id, head, self._book, _NO_ARCHIVE)
        if conversation.knows(event):
            return head, []
        changes = conversation.apply(event, conversation.is_in_order(event))
        if not changes:
            return head, []
        key = record_key(tenant, conversation_id)
        return head, [Fact(key, self._encode(change.new)) for change in changes]


def _read_as_we_do(payload: bytes) -> Found:
    return Found(*read(payload))


def read_with_fastavro(payload: bytes) -> Found:
    """What the fold needs of an event, as somebody would decode it who has fastavro and nothing else."""
    body = BytesIO(payload)
    body.seek(HEADER_BYTES)
    said = schemaless_reader(body, _SCHEMA, None)
    actor, survey, call = said["actor"], said["survey"], said["call"]
    event = LogEvent(
        said["event_id"],
        said["source"],
        said["occurred_at"],
        said["type"],
        said["channel"],
        actor["kind"],
        actor["id"],
        said["sequence"],
        said["automated"],
        said["ack"],
        said["team"],
        said["priority"],
        said["status"],
        said["assignee_id"],
        None if survey is None else Survey(**survey),
        None if call is None else Call(**call),
    )
    return Found(said["tenant"], said["conversation_id"], event)


class _NoArchive:
    """Heads here keep their whole log, so nobody asks."""

    def events(self) -> Iterator[LogEvent]:
        return iter(())

    def may_hold(self, text: str) -> bool:  # noqa: ARG002
        return False


_NO_ARCHIVE = _NoArchive()
