"""Customer-care conversations on Twitter, one per line (IBM conversational document prediction).

    {"session": "…", "company": "…", "messages": [{"role": "client", "author": "…", "tweet_id": "…", "characters": 9}]}

A line is a conversation and is taken or refused whole; each of its messages is one event. A tweet's id is its time. The
same tweet may stand in two sessions, so an event is named by both.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from connectors.importers.lines import MAX_CELL_CHARACTERS, read_lines
from connectors.importers.rows import ImportOptions, Origin, Outcome, Refusal, Row
from schemas import refusals
from schemas.errors import InvalidEvent, MalformedRecord, Refused
from schemas.records import InteractionEvent
from schemas.times import MAX_MS, EpochMs

FORMAT = "ibm_twitter"

#: A tweet id counts milliseconds from here, in the bits above the lowest 22.
_TWITTER_EPOCH_MS: EpochMs = 1_288_834_974_657
_TIME_SHIFT = 22

_Role = Literal["client", "agent"]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_CELL_CHARACTERS)]


class _Message(msgspec.Struct):
    role: _Role
    author: _Name
    tweet_id: Annotated[str, msgspec.Meta(pattern="^[0-9]{1,19}$")]
    characters: int


class _Conversation(msgspec.Struct):
    session: _Name
    company: _Name
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)]


_decoder = msgspec.json.Decoder(_Conversation)


def read(path: Path, options: ImportOptions) -> Iterator[Outcome]:
    """A row per conversation, an event per message."""
    origin = Origin.of(FORMAT, options)
    for line in read_lines(path):
        if isinstance(line, Refusal):
            yield line
            continue
        try:
            yield Row(str(path), line.number, parse_conversation(line.data, origin))
        except Refused as exc:
            yield Refusal(str(path), line.number, exc.detail)


def parse_conversation(line: bytes, origin: Origin) -> tuple[InteractionEvent, ...]:
    """One line → its messages as events, in their order. Raises `Refused`."""
    if not line.strip():
        raise MalformedRecord("an empty line")
    try:
        conversation = _decoder.decode(line)
    except msgspec.ValidationError as exc:
        raise InvalidEvent(refusals.told(exc, {"role": _Role})) from exc
    except UnicodeDecodeError as exc:
        raise MalformedRecord(f"not UTF-8: {exc.reason} at byte {exc.start}") from exc
    except (msgspec.DecodeError, RecursionError) as exc:
        raise MalformedRecord(f"not JSON: {exc}") from exc
    return tuple(
        _event(conversation, position, message, origin) for position, message in enumerate(conversation.messages)
    )


def tweeted_at(tweet_id: int) -> EpochMs:
    """When a tweet was written, by its id."""
    return (tweet_id >> _TIME_SHIFT) + _TWITTER_EPOCH_MS


def _event(conversation: _Conversation, position: int, message: _Message, origin: Origin) -> InteractionEvent:
    at_ms = tweeted_at(int(message.tweet_id))
    if at_ms > MAX_MS:
        raise InvalidEvent(f"no tweet has such an id - at `$.messages[{position}].tweet_id`")
    from_customer = message.role == "client"
    return InteractionEvent(
        event_id=f"{conversation.session}/{message.tweet_id}",
        tenant=origin.tenant,
        source=origin.source,
        channel="x",
        type="message",
        occurred_at=at_ms,
        conversation_id=conversation.session,
        # Several people may write in one session: the customer is whoever asked first.
        customer_id=next((one.author for one in conversation.messages if one.role == "client"), None),
        actor_kind="customer" if from_customer else "human",
        actor_id=message.author,
        team=conversation.company,
        sequence=position,
        historical=origin.historical,
        attributes={"characters": str(message.characters)},
    )
