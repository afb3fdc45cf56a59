"""The store of the windows' rows, beside a multiset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.windows import rows as module
from streams.windows.rows import PaneStore, Rows

Row = tuple[int, int, int]

# Few enough of everything that equal rows are the rule; one value does not fit into 32 bits.
some_rows = st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0, 1, 2, 1 << 40]), st.integers(0, 2)), max_size=40)


def columns(rows: Iterable[Row]) -> Rows:
    table = np.array(list(rows), dtype=np.int64).reshape(-1, 3)
    return Rows(table[:, 0], table[:, 1], table[:, 2])


def tuples(rows: Rows) -> list[Row]:
    return list(zip(rows.pane.tolist(), rows.value_ms.tolist(), rows.group.tolist(), strict=True))


@pytest.fixture(scope="module", autouse=True)
def three_rows_at_once() -> Iterable[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK_ROWS", 3)
        yield


@given(some_rows, st.lists(st.tuples(some_rows, some_rows), max_size=4))
def test_it_holds_what_was_added_and_not_taken_out(first: list[Row], steps: list[tuple[list[Row], list[Row]]]) -> None:
    store, held = PaneStore(), Counter(first)
    store.add(columns(first))
    for out, more in steps:
        found = store.remove(columns(out))
        # Of equal ones the first are found, as many as there are.
        left = held.copy()
        for row, said in zip(out, found.tolist(), strict=True):
            assert said == (left[row] > 0)
            left[row] -= said
        store.add(columns(more))
        held = +left + Counter(more)
        assert Counter(row for part in store.between(0, 5) for row in tuples(part)) == held
        assert len(store) == held.total()


@given(some_rows, st.integers(-1, 6), st.integers(-1, 6))
def test_a_range_of_panes_is_handed_out_and_dropped(added: list[Row], first: int, last: int) -> None:
    store = PaneStore()
    store.add(columns(added))
    inside = Counter(row for row in added if first <= row[0] <= last)
    assert Counter(row for part in store.between(first, last) for row in tuples(part)) == inside
    store.drop(first, last)
    assert Counter(row for part in store.between(0, 5) for row in tuples(part)) == Counter(added) - inside
    assert len(store) == len(added) - inside.total()
