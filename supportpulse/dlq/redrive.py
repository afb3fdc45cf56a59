"""Sending dead letters again, once each, whatever interrupts it.

    report = redrive(deployment, Selection(reason="unknown_schema"), now_ms)

1. What an earlier redrive left unfinished is looked for where it was sent to, and noted as sent if it lies there.
2. The letters to send are noted as "sending", with where the target ends now.
3. They are sent, with the key and the bytes they had, and their id in a header. What was a vendor's delivery is sent as
   the events that it tells of now, each with its number in the header.
4. As 1: they are looked for, and noted as sent. Of a delivery all events have to be there; else it is sent again, and
   what was there before is there twice, which changes nothing.

Killed before 2 is complete, nothing was sent; killed behind it, 1 of the next redrive tells what was and what was not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from connectors.gateway.sources import SourceBook
from connectors.producer import EventPublisher, bulk
from schemas.times import EpochMs
from schemas.topics import Topics
from supportpulse import topic_reading
from supportpulse.dlq import ledger, letters
from supportpulse.dlq.ledger import Entry
from supportpulse.dlq.letters import Letter, Selection
from supportpulse.dlq.parcels import CannotRedrive, Label, Parcel, label_of, packed, target
from supportpulse.topic_reading import Lying

#: Letters whose fate is looked up together: fewer mean more looking, more mean more to look through after a crash.
BATCH_LETTERS = 5_000


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the letters of one deployment lie."""

    kafka: str
    topics: Topics = field(default_factory=Topics)
    #: The sources of the gateway; without them the deliveries that it parked stay where they are.
    sources: SourceBook | None = None

    def letters(self, *, with_bytes: bool = False) -> list[Letter]:
        """Every letter once, oldest first, with what has become of it."""
        entries = self.ledger()
        found = letters.distinct(self.raw_letters(), entries, with_bytes=with_bytes)
        return sorted(letters.with_fates(found, entries), key=lambda letter: letter.parked_at)

    def raw_letters(self) -> Iterator[Letter]:
        """The letters as they lie there, one after the other, equal ones too."""
        records = topic_reading.read(self.kafka, self.topics.dead_letters)
        return (letters.letter_of(record, self.topics) for record in records)

    def ledger(self) -> dict[str, Entry]:
        """What has been redriven."""
        return ledger.read(self.kafka, self.topics.redriven)

    def note(self, entries: Iterable[Entry]) -> None:
        """Write down what is being redriven, or has been."""
        ledger.write(self.kafka, self.topics.redriven, entries)


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
            targets[letter.id] = target(letter, desk.topics, desk.sources)
        except CannotRedrive as refusal:
            report.refused[letter.id] = str(refusal)
    parcels = _parcels(desk, targets, report)
    if dry_run:
        report.sent = {parcel.letter: parcel.topic for parcel in parcels}
        return report
    for batch in _batches(parcels):
        report.sent.update(_send(desk, batch, now_ms))
    return report


def _parcels(desk: Desk, targets: Mapping[str, str], report: Report) -> Iterator[Parcel]:
    for letter in desk.raw_letters():
        if letter.id in targets:
            try:
                yield packed(letter, targets[letter.id], desk.sources)
            except CannotRedrive as refusal:
                report.refused[letter.id] = str(refusal)


def _batches(found: Iterable[Parcel]) -> Iterator[list[Parcel]]:
    batch: list[Parcel] = []
    for parcel in found:
        batch.append(parcel)
        if len(batch) == BATCH_LETTERS:
            yield batch
            batch = []
    if batch:
        yield batch


def _send(desk: Desk, batch: list[Parcel], now_ms: Callable[[], EpochMs]) -> dict[str, str]:
    by_topic: defaultdict[str, list[Parcel]] = defaultdict(list)
    for parcel in batch:
        by_topic[parcel.topic].append(parcel)
    entries: dict[str, Entry] = {}
    for topic, members in by_topic.items():
        since = topic_reading.ends(desk.kafka, topic)
        entries.update({each.letter: Entry(each.letter, topic, since, now_ms()) for each in members})
    desk.note(entries.values())
    for topic, members in by_topic.items():
        with EventPublisher(replace(bulk(desk.kafka), topic=topic)) as publisher:
            for parcel in members:
                for number, (key, value) in enumerate(parcel.records, 1):
                    label = Label(parcel.letter, number, len(parcel.records))
                    publisher.publish_raw(key, value, headers=((ledger.HEADER, label.header()),))
    return _settle(desk, entries, now_ms)


def _settle(desk: Desk, entries: Mapping[str, Entry], now_ms: Callable[[], EpochMs]) -> dict[str, str]:
    """Look for the letters that are being sent, note those that have arrived, and say where the first of each lies."""
    waiting = {name: entry for name, entry in entries.items() if entry.to is None}
    arrived: dict[str, str] = {}
    for topic in sorted({entry.topic for entry in waiting.values()}):
        members = [entry for entry in waiting.values() if entry.topic == topic]
        since = {
            partition: min(entry.since.get(partition, 0) for entry in members)
            for partition in {number for entry in members for number in entry.since}
        }
        arrived.update(_complete(topic_reading.read(desk.kafka, topic, since), topic, waiting))
    if arrived:
        desk.note(
            Entry(name, waiting[name].topic, waiting[name].since, now_ms(), to=place) for name, place in arrived.items()
        )
    return arrived


def _complete(records: Iterable[Lying], topic: str, waiting: Mapping[str, Entry]) -> dict[str, str]:
    """Letters of which every record is there → where the first one lies."""
    # By how many there should be, too: another release may have made more or fewer of the same letter.
    found: defaultdict[tuple[str, int], dict[int, str]] = defaultdict(dict)
    arrived: dict[str, str] = {}
    for record in records:
        label = label_of(dict(record.headers).get(ledger.HEADER, b""))
        if label is None or label.letter not in waiting or label.letter in arrived:
            continue
        places = found[label.letter, label.of]
        places.setdefault(label.number, f"{topic}/{record.partition}/{record.offset}")
        if len(places) == label.of:
            arrived[label.letter] = places[1]
    return arrived
