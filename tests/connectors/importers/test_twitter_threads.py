"""Reply trees: named by their topmost tweet, whatever the order of the rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.importers.lines import Cells
from connectors.importers.rows import ImportOptions, Outcome, Refusal, Row
from connectors.importers.twitter_threads import Threads, Tweet, parse_tweet, read
from schemas import times
from schemas.errors import InvalidEvent
from schemas.records import InteractionEvent
from tests.connectors.samples import write

HEADER = b"tweet_id,author_id,inbound,created_at,characters,in_response_to_tweet_id\n"


def row(tweet_id: int, parent: int | str = "", *, inbound: bool = True, minute: int = 0) -> bytes:
    author = "1157" if inbound else "sprint"
    return f"{tweet_id},{author},{inbound},Tue Oct 31 22:{minute:02d}:47 +0000 2017,12,{parent}\n".encode()


def outcomes(folder: Path, *rows: bytes, **options: Any) -> list[Outcome]:
    return list(read(write(folder / "f.csv", HEADER + b"".join(rows)), ImportOptions(**options)))


def events(found: list[Outcome]) -> dict[str, InteractionEvent]:
    return {event.event_id: event for one in found if isinstance(one, Row) for event in one.events}


def test_a_tree_is_one_conversation_in_any_order_of_rows(tmp_path: Path) -> None:
    rows = [row(1), row(2, 1, inbound=False), row(3, 2), row(4, 1, inbound=False), row(9)]
    forwards = events(outcomes(tmp_path, *rows))
    backwards = events(outcomes(tmp_path, *reversed(rows)))
    assert forwards == backwards
    assert {name: event.conversation_id for name, event in forwards.items()} == {
        "1": "1", "2": "1", "3": "1", "4": "1", "9": "9",
    }  # fmt: skip
    assert {name: event.sequence for name, event in forwards.items()} == {"1": 0, "2": 1, "3": 2, "4": 1, "9": 0}


def test_a_tweet_says_who_when_and_from_which_side(tmp_path: Path) -> None:
    found = events(outcomes(tmp_path, row(1), row(2, 1, inbound=False, minute=5)))
    asked, answered = found["1"], found["2"]
    assert asked.occurred_at == times.parse("2017-10-31T22:00:47Z")
    assert (asked.actor_kind, asked.actor_id, asked.customer_id, asked.team) == ("customer", "1157", "1157", None)
    assert (answered.actor_kind, answered.actor_id, answered.customer_id, answered.team) == (
        "human",
        "sprint",
        None,
        "sprint",
    )
    assert (asked.tenant, asked.channel, asked.historical) == ("twitter_threads", "x", True)


def test_a_reply_to_a_tweet_the_file_does_not_have_is_a_root(tmp_path: Path) -> None:
    assert events(outcomes(tmp_path, row(5, 77)))["5"].conversation_id == "5"


def test_a_thread_of_fifty_thousand_replies_is_one_conversation() -> None:
    threads = Threads()
    tweets = [Tweet(n + 2, n, n - 1 if n else None, "a", True, 0, "1") for n in range(50_000)]
    for tweet in tweets:
        threads.add(tweet)
    assert threads.place(tweets[-1]).root == 0
    assert threads.place(tweets[-1]).depth == 49_999


def test_replies_in_a_circle_are_refused_with_all_that_hangs_below(tmp_path: Path) -> None:
    found = outcomes(tmp_path, row(1, 2), row(2, 1), row(3, 1), row(4))
    assert [one.line if isinstance(one, Refusal) else "row" for one in found] == [2, 3, 4, "row"]


def test_a_repeated_tweet_is_refused_naming_the_first(tmp_path: Path) -> None:
    first, second = outcomes(tmp_path, row(1), row(1, minute=5))
    assert isinstance(first, Row)
    assert isinstance(second, Refusal)
    assert (second.line, second.reason) == (3, "the tweet of line 2 again")


def test_a_tweet_that_was_never_added_is_refused() -> None:
    with pytest.raises(InvalidEvent, match="changed while it was read"):
        Threads().place(Tweet(2, 1, None, "a", True, 0, "1"))


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("tweet_id", "", "`tweet_id` is no tweet's id"),
        ("tweet_id", "1.5", "`tweet_id` is no tweet's id"),
        ("tweet_id", "١", "`tweet_id` is no tweet's id"),
        ("author_id", "", "`author_id` is empty"),
        ("inbound", "yes", "`inbound` is neither True nor False"),
        ("in_response_to_tweet_id", "x", "`in_response_to_tweet_id` is no tweet's id"),
        ("created_at", "2017-10-31", "`created_at` is no time like"),
        ("created_at", "Tue Feb 31 22:10:47 +0000 2017", "`created_at` is no time: day is out of range"),
        ("created_at", "Tue Oct 31 22:10:47 +9900 2017", "`created_at` is no time"),
        ("created_at", "Tue Oct 31 22:10:47 +0000 1817", "`created_at` is outside of 1900 to 2299"),
    ],
)
def test_a_bad_cell_is_refused_by_column(column: str, value: str, reason: str) -> None:
    good = {
        "tweet_id": "1",
        "author_id": "a",
        "inbound": "True",
        "created_at": "Tue Oct 31 22:10:47 +0200 2017",
        "characters": "1",
        "in_response_to_tweet_id": "",
    }
    assert parse_tweet(Cells(2, good)).created_at == times.parse("2017-10-31T20:10:47Z")
    with pytest.raises(InvalidEvent, match=f"^{reason}"):
        parse_tweet(Cells(2, good | {column: value}))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=30))
def test_every_tweet_is_placed_below_its_parent_or_refused(parents: list[int]) -> None:
    threads = Threads()
    tweets = [Tweet(n + 2, n, parent, "a", True, 0, "1") for n, parent in enumerate(parents)]
    for tweet in tweets:
        threads.add(tweet)
    for tweet in tweets:
        parent = tweet.parent_id
        assert parent is not None
        try:
            place = threads.place(tweet)
        except InvalidEvent:
            # Whoever answers a tweet in a circle hangs below the circle, too: climbing never ends.
            steps = {tweet.tweet_id}
            while parent is not None and parent < len(parents) and parent not in steps:
                steps.add(parent)
                parent = parents[parent]
            assert parent in steps
        else:
            if parent < len(parents):
                above = threads.place(tweets[parent])
                assert (place.root, place.depth) == (above.root, above.depth + 1)
            else:
                assert (place.root, place.depth) == (tweet.tweet_id, 0)
