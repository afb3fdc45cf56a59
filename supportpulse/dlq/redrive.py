"""Sending dead letters again, once each, whatever interrupts it.

    report = redrive(deployment, Selection(reason="unknown_schema"), now_ms)

1. What an earlier redrive left unfinished is looked for where it was sent to, and noted as sent if it lies there.
2. The letters to send are noted as "sending", with where the target ends now.
3. They are sent, with the key and the bytes they had, and their id in a header.
4. As 1: they are looked for, and noted as sent.

Killed before 2 is complete, nothing was sent; killed behind it, 1 of the next redrive tells what was and what was not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from connectors.producer import MAX_RECORD_BYTES, EventPublisher, bulk
from schemas.errors import SupportpulseError
from schemas.times import EpochMs
from schemas.topics import Topics
from supportpulse import topic_reading
from supportpulse.dlq import ledger, letters
from supportpulse.dlq.ledger import Entry
from supportpulse.dlq.letters import Letter, Selection

#: Letters whose fate is looked up together: fewer mean more looking, more mean more to look through after a crash.
BATCH_LETTERS = 5_000


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the letters of one deployment lie."""

    kafka: str
    topics: Topics = field(default_factory=Topics)

    def letters(self, *, with_bytes: bool = False) -> list[Letter]:
        """Every letter once, oldest first, with what has become of it."""
        found = (each if with_bytes else letters.without_bytes(each) for each in self.raw_letters())
        known = letters.with_fates(found, self.ledger())
        return sorted(known, key=lambda letter: letter.parked_at)

    def raw_letters(self) -> Iterator[Letter]:
        """Every letter once, as it lies there, one after the other."""
        records = topic_reading.read(self.kafka, self.topics.dead_letters)
        return letters.distinct(letters.letter_of(record, self.topics) for record in records)

    def ledger(self) -> dict[str, Entry]:
        """What has been redriven."""
        return ledger.read(self.kafka, self.topics.redriven)

    def note(self, entries: Iterable[Entry]) -> None:
        """Write down what is being redriven, or has been."""
        ledger.write(self.kafka, self.topics.redriven, entries)

    def target(self, letter: Letter) -> str:
        """The topic a letter goes back to. Raises `CannotRedrive`."""
        if not letter.readable:
            raise CannotRedrive("it is no dead letter itself, so nobody knows where it came from")
        if letter.origin.startswith("gateway/"):
            raise CannotRedrive(
                "it is a piece of a vendor's delivery, which only the gateway can read: let the vendor send it again"
            )
        if letter.size_bytes + len(letter.key or b"") > MAX_RECORD_BYTES:
            raise CannotRedrive(f"{letter.size_bytes:,} bytes are more than fit through a broker")
        topic = letter.origin.rsplit("/", 2)[0]
        if topic not in {self.topics.interactions, self.topics.facts, self.topics.alerts, self.topics.windows}:
            raise CannotRedrive(f"{letter.origin} is no topic that it could go back to")
        return topic


class CannotRedrive(SupportpulseError):
    """There is nowhere to send this letter to. Says why."""


@dataclass(slots=True)
class Report:
    """What a redrive did. Letters by id."""

    #: letter id → where it lies now, or with a dry run the topic it would go to
    sent: dict[str, str] = field(default_factory=dict)
    #: what an earlier, interrupted redrive had sent already
    finished: dict[str, str] = field(default_factory=dict)
    #: selected, and redriven before
    before: dict[str, str] = field(default_factory=dict)
    #: selected, and why it cannot be sent
    refused: dict[str, str] = field(default_factory=dict)


def redrive(desk: Desk, selection: Selection, now_ms: Callable[[], EpochMs], *, dry_run: bool = False) -> Report:
    """Send the selected letters again that were not redriven before. Raises `SupportpulseError`; run it again then.

    One redrive at a time: two that run at once could both send a letter. Its event would still count once.
    """
    report = Report()
    if not dry_run:
        report.finished = _settle(desk, desk.ledger(), now_ms)
    targets: dict[str, str] = {}
    for letter in desk.letters():
        if not selection.wants(letter):
            continue
        if letter.redriven_to is not None:
            if letter.id not in report.finished:
                report.before[letter.id] = letter.redriven_to
            continue
        try:
            targets[letter.id] = desk.target(letter)
        except CannotRedrive as refusal:
            report.refused[letter.id] = str(refusal)
    if dry_run:
        report.sent = targets
        return report
    waiting = (letter for letter in desk.raw_letters() if letter.id in targets)
    for batch in _batches(waiting):
        report.sent.update(_send(desk, batch, targets, now_ms))
    return report


def _batches(found: Iterable[Letter]) -> Iterator[list[Letter]]:
    batch: list[Letter] = []
    for letter in found:
        batch.append(letter)
        if len(batch) == BATCH_LETTERS:
            yield batch
            batch = []
    if batch:
        yield batch


def _send(desk: Desk, batch: list[Letter], targets: Mapping[str, str], now_ms: Callable[[], EpochMs]) -> dict[str, str]:
    by_topic: defaultdict[str, list[Letter]] = defaultdict(list)
    for letter in batch:
        by_topic[targets[letter.id]].append(letter)
    entries: dict[str, Entry] = {}
    for topic, members in by_topic.items():
        since = topic_reading.ends(desk.kafka, topic)
        entries.update({each.id: Entry(each.id, topic, since, now_ms()) for each in members})
    desk.note(entries.values())
    for topic, members in by_topic.items():
        with EventPublisher(replace(bulk(desk.kafka), topic=topic)) as publisher:
            for letter in members:
                publisher.publish_raw(letter.key, letter.original, headers=((ledger.HEADER, letter.id.encode()),))
    return _settle(desk, entries, now_ms)


def _settle(desk: Desk, entries: Mapping[str, Entry], now_ms: Callable[[], EpochMs]) -> dict[str, str]:
    """Look for the letters that are being sent, note those that have arrived, and say where they lie."""
    waiting = {name: entry for name, entry in entries.items() if entry.to is None}
    arrived: dict[str, str] = {}
    for topic in sorted({entry.topic for entry in waiting.values()}):
        members = [entry for entry in waiting.values() if entry.topic == topic]
        since = {
            partition: min(entry.since.get(partition, 0) for entry in members)
            for partition in {number for entry in members for number in entry.since}
        }
        for record in topic_reading.read(desk.kafka, topic, since):
            name = dict(record.headers).get(ledger.HEADER, b"").decode(errors="replace")
            if name in waiting and name not in arrived:
                arrived[name] = f"{topic}/{record.partition}/{record.offset}"
    if arrived:
        desk.note(
            Entry(name, waiting[name].topic, waiting[name].since, now_ms(), to=place) for name, place in arrived.items()
        )
    return arrived
