"""Where fields lie: what is declared is what the classes are, and compiled code reads what is there."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from speedups.layouts import UnknownLayout, declarations
from tests.speedups import asking
from tests.speedups.toy import Toy, toy


class Inner(msgspec.Struct):
    value: int


class Outer(msgspec.Struct):
    zeal: int
    names: list[str]
    by_name: dict[str, int]
    either: int | str
    inner: Inner | None = None


class Longer(Outer):
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Slotted:
    second: int
    first: tuple[int, ...]


class Open:
    """Has room for anything."""

    __slots__ = ("__dict__", "field")


def declared(*kinds: type) -> list[str]:
    """The fields, as Cython is told of them."""
    text = declarations(sys.modules[__name__], [kind.__name__ for kind in kinds], [Inner, *kinds])
    return [
        line.split('"')[0].strip() for line in text.splitlines() if line.strip().startswith("cdef ") and '"' in line
    ]


def test_fields_have_the_types_that_cython_may_rely_on() -> None:
    assert sorted(declared(Outer)) == [
        "cdef Inner inner",
        "cdef dict by_name",
        "cdef list names",
        "cdef object either",
        "cdef object zeal",
    ]


def test_fields_of_a_subclass_lie_behind_those_of_its_base() -> None:
    assert declared(Longer) == [*declared(Outer), "cdef object after"]


def test_dataclasses_with_slots_are_records_too() -> None:
    assert declared(Slotted) == ["cdef tuple first", "cdef object second"]


def test_a_class_with_more_than_its_fields_is_refused() -> None:
    with pytest.raises(UnknownLayout, match="Open is not made of its fields alone"):
        declared(Open)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    asking.compilers()
    found = toy(tmp_path_factory.mktemp("toys") / "toy")
    done = found.build()
    assert (done.status, done.err) == (0, ""), done
    return found


def kept_total(there: Toy, kept: str) -> tuple[int, str]:
    done = there.python(
        "-c", f"from streams.kept import Inner, Kept\nfrom streams.sums import kept_total\nprint(kept_total({kept}))"
    )
    return done.status, done.out or done.err.splitlines()[-1]


def test_compiled_code_reads_fields_where_they_lie(built: Toy) -> None:
    assert kept_total(built, "Kept(1, Inner(20), ['a', 'b'])") == (0, "23")


def test_a_field_of_none_is_an_error_and_no_crash(built: Toy) -> None:
    status, said = kept_total(built, "Kept(1)")
    assert status == 1
    assert said.startswith("AttributeError: 'NoneType' object has no attribute 'value'")


def test_another_class_of_the_same_size_is_refused(built: Toy) -> None:
    assert kept_total(built, "Inner(1)")[1].startswith("TypeError")


def test_a_new_field_is_found_after_a_build(built: Toy, tmp_path: Path) -> None:
    path = built.root / "streams/kept.py"
    was = path.read_text(encoding="utf-8")
    built.write("streams/kept.py", was.replace("    zeal: int\n", "    zeal: int\n    above: int = 7\n"))
    assert built.state().startswith("plain")
    assert built.build().status == 0
    assert built.state().startswith("compiled")
    assert kept_total(built, "Kept(1, 2, Inner(20))") == (0, "21")
