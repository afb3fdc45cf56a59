"""Columns that numpy holds, and what they are made with."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from schemas.columnar import Maps, Numbers, Symbols, Texts
from schemas.columnar.arrays import Bytes, Places, packed
from schemas.columnar.columns import joined
from schemas.columnar.dictionary import dictionary

texts = st.lists(st.text(max_size=70), max_size=30)


def laid_out(values: list[str]) -> tuple[Bytes, Places, Places]:
    """(bytes with these texts in them, where they begin, how long they are)."""
    encoded = [value.encode() for value in values]
    data = np.frombuffer(b"".join(b"##" + each for each in encoded) + bytes(8), np.uint8)
    sizes = np.array([len(each) for each in encoded], np.int64)
    return data, np.cumsum(sizes + 2) - sizes, sizes


def text_column(values: list[str]) -> Texts:
    data, starts, sizes = laid_out(values)
    return Texts(packed(data, starts, sizes), sizes)


@given(texts)
def test_texts_are_what_they_were_made_of(values: list[str]) -> None:
    assert list(text_column(values)) == values


def test_many_long_texts_are_what_they_were_made_of() -> None:
    values = [str(number) * (number % 500) for number in range(3_000)]
    assert sum(map(len, values)) > 1 << 20
    assert list(text_column(values)) == values


@given(texts, texts)
def test_texts_join(first: list[str], second: list[str]) -> None:
    column = joined([text_column(first), text_column(second)])
    assert list(column) == first + second
    assert column[len(first) :] == second


@given(st.lists(st.text(max_size=9), max_size=40))
def test_a_dictionary_has_every_text_once_and_tells_them_apart(values: list[str]) -> None:
    data, starts, sizes = laid_out(values)
    found = dictionary(data, starts, sizes)
    if max(sizes, default=0) > 32:
        assert found is None
        return
    assert found is not None
    codes, holders = found
    assert [values[holders[code]] for code in codes] == values
    assert len(holders) == len(set(values))


def test_a_dictionary_gives_up_on_what_is_no_small_vocabulary() -> None:
    assert dictionary(*laid_out([str(number) for number in range(50_000)])) is None
    assert dictionary(*laid_out(["x" * 33])) is None


def test_texts_that_differ_in_one_byte_anywhere_are_two() -> None:
    values = [("a" * 32)[:place] + "b" + ("a" * 32)[place + 1 :] for place in range(32)]
    values += ["", "\0", "\0\0", "a", "a\0"]
    found = dictionary(*laid_out(values))
    assert found is not None
    assert len(set(found[0].tolist())) == len(values)


def test_symbols_of_several_blocks_join_whatever_their_codes_are() -> None:
    first = Symbols(np.array([0, 1, 0]), ("a", "b"))
    second = Symbols(np.array([0, 0, 1]), ("b", "ü"), np.array([False, True, False]))
    column = joined([first, second])
    assert list(column) == ["a", "b", "a", "b", None, "ü"]
    assert isinstance(column, Symbols)
    assert list(column.texts()) == list(column)
    assert list(joined([first, text_column(["z"])])) == ["a", "b", "a", "z"]


def test_numbers_and_maps_join() -> None:
    absent = Numbers(np.array([0, 3]), np.array([True, False]))
    assert list(joined([Numbers(np.array([1])), absent])) == [1, None, 3]
    first = Maps(np.array([0, 2]), text_column(["a", "b"]), text_column(["1", "2"]))
    second = Maps(np.array([1]), text_column(["a"]), text_column([""]))
    assert list(joined([first, second])) == [{}, {"a": "1", "b": "2"}, {"a": ""}]
