"""The product's fold and the oracle say the same of any history."""

from __future__ import annotations

from hypothesis import given, settings

from streams.replay import Replay
from tests.oracle import oracle
from tests.oracle.compared import by_key
from tests.oracle.histories import History, histories


@given(histories())
@settings(max_examples=2000, deadline=None)
def test_a_replay_has_the_facts_of_the_oracle(history: History) -> None:
    replay = Replay()
    for event in history.events:
        replay.add(event)
    found = by_key(replay.facts(history.setting.product, history.as_of_ms))
    assert found == oracle.facts_of(history.events, history.setting.oracle, history.as_of_ms)
