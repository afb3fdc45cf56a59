"""The product's fold and the oracle say the same of any history."""

from __future__ import annotations

from hypothesis import example, given, settings

from streams.replay import Replay
from tests.oracle import oracle
from tests.oracle.books import SHORT
from tests.oracle.compared import by_key
from tests.oracle.histories import History, histories
from tests.streams.stories import clock, story

#: At one instant, by names that UTF-16 would put the other way round: an answer to a question, not one before it.
TIED = story(
    """
    09:00 customer message id=\uffff
    09:00 ana message id=\U0001f600
    """
)


@given(histories())
@example(History(SHORT, clock("09:00"), TIED, clock("10:00")))
@settings(max_examples=1700, deadline=None)
def test_a_replay_has_the_facts_of_the_oracle(history: History) -> None:
    replay = Replay()
    for event in history.events:
        replay.add(event)
    found = by_key(replay.facts(history.setting.product, history.as_of_ms))
    assert found == oracle.facts_of(history.events, history.setting.oracle, history.as_of_ms)
