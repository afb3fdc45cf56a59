"""Tweets between customers and brands, one per row, in any order (Customer Support on Twitter).

    tweet_id,author_id,inbound,created_at,characters,in_response_to_tweet_id

A conversation is a tree of replies, named by its root: the topmost tweet the file has. The root of a tweet may stand
further down, so the file is read twice; in between, memory holds one entry per tweet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from connectors.importers.lines import Cells, read_table
from connectors.importers.rows import ImportOptions, Origin, Outcome, Refusal, Row, within_range
from schemas.errors import InvalidEvent, Refused
from schemas.records import InteractionEvent
from schemas.times import EpochMs, to_ms

FORMAT = "twitter_threads"
_COLUMNS = ("tweet_id", "author_id", "inbound", "created_at", "characters", "in_response_to_tweet_id")

# strptime would read the names in the machine's language.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TIME = re.compile(
    rf"[A-Z][a-z]{{2}} ({'|'.join(_MONTHS)}) (\d\d) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d) (\d{{4}})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Tweet:
    """One row."""

    line: int
    tweet_id: int
    parent_id: int | None
    author: str
    inbound: bool
    created_at: EpochMs
    characters: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tweet stands: the root of its tree, and how many replies below it."""

    root: int
    depth: int


class Threads:
    """Which tree a tweet belongs to, once every tweet was `add`ed."""

    def __init__(self) -> None:
        self._parents: dict[int, int | None] = {}
        self._lines: dict[int, int] = {}
        self._places: dict[int, Place] = {}

    def add(self, tweet: Tweet) -> None:
        """The first row of a tweet counts."""
        if tweet.tweet_id not in self._lines:
            self._parents[tweet.tweet_id] = tweet.parent_id
            self._lines[tweet.tweet_id] = tweet.line

    def place(self, tweet: Tweet) -> Place:
        """Raises `InvalidEvent` for a tweet that is repeated, was never added, or hangs below a circle of replies."""
        first = self._lines.get(tweet.tweet_id)
        if first is None:
            raise InvalidEvent("the file changed while it was read: import it again")
        if first != tweet.line:
            raise InvalidEvent(f"the tweet of line {first} again")
        path: list[int] = []
        seen: set[int] = set()
        at: int = tweet.tweet_id
        while at not in self._places:
            if at in seen:
                raise InvalidEvent("its replies go round in a circle")
            seen.add(at)
            path.append(at)
            parent = self._parents[at]
            if parent is None or parent not in self._parents:
                self._places[at] = Place(at, 0)
                path.pop()
                break
            at = parent
        place = self._places[at]
        for below in reversed(path):
            place = Place(place.root, place.depth + 1)
            self._places[below] = place
        return self._places[tweet.tweet_id]


def read(path: Path, options: ImportOptions) -> Iterator[Outcome]:
    """A row and an event per tweet."""
    origin = Origin.of(FORMAT, options)
    threads = Threads()
    for tweet in _tweets(path):
        if isinstance(tweet, Tweet):
            threads.add(tweet)
    for tweet in _tweets(path):
        if isinstance(tweet, Refusal):
            yield tweet
            continue
        try:
            yield Row(str(path), tweet.line, (_event(tweet, threads.place(tweet), origin),))
        except Refused as exc:
            yield Refusal(str(path), tweet.line, exc.detail)


def _tweets(path: Path) -> Iterator[Tweet | Refusal]:
    for cells in read_table(path, _COLUMNS):
        if isinstance(cells, Refusal):
            yield cells
            continue
        try:
            yield parse_tweet(cells)
        except Refused as exc:
            yield Refusal(str(path), cells.line, exc.detail)


def parse_tweet(cells: Cells) -> Tweet:
    """Raises `InvalidEvent` naming the column, never its content."""
    values = cells.values
    if values["inbound"] not in ("True", "False"):
        raise InvalidEvent("`inbound` is neither True nor False")
    if not values["author_id"]:
        raise InvalidEvent("`author_id` is empty")
    parent = values["in_response_to_tweet_id"]
    return Tweet(
        line=cells.line,
        tweet_id=_number("tweet_id", values["tweet_id"]),
        parent_id=_number("in_response_to_tweet_id", parent) if parent else None,
        author=values["author_id"],
        inbound=values["inbound"] == "True",
        created_at=_instant(values["created_at"]),
        characters=values["characters"],
    )


def _number(column: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise InvalidEvent(f"`{column}` is no tweet's id")
    return int(text)


def _instant(text: str) -> EpochMs:
    match = _TIME.fullmatch(text)
    if match is None:
        raise InvalidEvent("`created_at` is no time like Tue Oct 31 22:10:47 +0000 2017")
    month, day, hour, minute, second, sign, offset_hours, offset_minutes, year = match.groups()
    offset = timedelta(hours=int(offset_hours), minutes=int(offset_minutes))
    try:
        zone = timezone(-offset if sign == "-" else offset)
        moment = datetime(
            int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=zone
        )
    except ValueError as exc:
        raise InvalidEvent(f"`created_at` is no time: {exc}") from exc
    return within_range("created_at", to_ms(moment))


def _event(tweet: Tweet, place: Place, origin: Origin) -> InteractionEvent:
    return InteractionEvent(
        event_id=str(tweet.tweet_id),
        tenant=origin.tenant,
        source=origin.source,
        channel="x",
        type="message",
        occurred_at=tweet.created_at,
        conversation_id=str(place.root),
        customer_id=tweet.author if tweet.inbound else None,
        actor_kind="customer" if tweet.inbound else "human",
        actor_id=tweet.author,
        team=None if tweet.inbound else tweet.author,
        # A reply and what it answers may carry the same second.
        sequence=place.depth,
        historical=origin.historical,
        attributes={"characters": tweet.characters},
    )
