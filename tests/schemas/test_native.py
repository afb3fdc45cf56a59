"""What only the native readers and writers could get wrong: memory, msgspec's layout, and when they are not taken."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

import msgspec
import pytest

from schemas import fast, wire
from schemas.codegen import GENERATED, NATIVE, Codegen, Shape, Unsupported, first_that_can
from schemas.records import Call, DeadLetter, InteractionEvent, MetricFact, MetricWindow, SlaAlert, Survey
from schemas.registry import latest
from tests.schemas.strategies import some_event

FACT = MetricFact("acme", "c1/1/1/first_response", "first_response", "c1", 1, "email", value_ms=60_000)
_FACT_BYTES = wire.encode_fact(FACT)


def cannot(value: Any) -> Any:
    """In the place of the plain encoder or decoder."""
    raise AssertionError(f"asked about {value!r}")


@pytest.fixture
def native() -> Codegen:
    if NATIVE is None:
        assert os.environ.get("SUPPORTPULSE_REQUIRE_COMPILED") != "1", "the native readers and writers were not built"
        pytest.skip("needs the native readers and writers: they were not built")
    return NATIVE


@pytest.mark.parametrize(
    ("record", "kind"),
    [("metric_fact", MetricFact), ("sla_alert", SlaAlert), ("metric_window", MetricWindow)],
    ids=str,
)
def test_msgspec_keeps_fields_where_its_descriptors_say(native: Codegen, record: str, kind: type[Any]) -> None:
    native.compile_writer(latest(record), Shape(kind), cannot)


class _Elsewhere:
    """Has a fact's fields, but not as msgspec keeps them."""

    __struct_fields__ = MetricFact.__struct_fields__

    def __init__(self, **values: object) -> None:
        self.__dict__.update(values)


def test_a_class_that_keeps_its_fields_elsewhere_is_written_the_other_way(native: Codegen) -> None:
    shape = Shape(_Elsewhere)
    with pytest.raises(Unsupported, match="tenant does not lie where"):
        native.compile_writer(latest("metric_fact"), shape, cannot)
    write = first_that_can(native, GENERATED).compile_writer(latest("metric_fact"), shape, cannot)
    assert write(_Elsewhere(**msgspec.structs.asdict(FACT))) == wire.encode_fact(FACT)


def test_a_schema_with_something_it_does_not_know_is_read_and_written_the_other_way(native: Codegen) -> None:
    version, shape = latest("dead_letter"), Shape(DeadLetter)
    letter = DeadLetter(reason="r", detail="d", origin="o", parked_at=1_780_000_000_000, original=b"\xff")
    with pytest.raises(Unsupported, match="key: bytes"):
        native.compile_reader(version, shape, cannot)
    codegen = first_that_can(native, GENERATED)
    payload = codegen.compile_writer(version, shape, cannot)(letter)
    assert payload == wire.encode_dead_letter(letter)
    assert codegen.compile_reader(version, shape, cannot)(payload) == letter


class _Flat(msgspec.Struct):
    kind: str


def test_no_value_is_asked_for_that_is_not_always_there(native: Codegen) -> None:
    with pytest.raises(Unsupported, match=r"survey\.kind"):
        native.compile_reader(latest("interaction_event"), Shape(_Flat, {"kind": "survey.kind"}), cannot)


class _Text(str):
    __slots__ = ()


class _Bytes(bytes):
    __slots__ = ()


UNFIT: list[tuple[Callable[[fast.Codecs], Any], Callable[[Any], bytes], Any]] = [
    *(
        (lambda codecs: codecs.encode_fact, wire.encode_fact, msgspec.structs.replace(FACT, **{field: value}))
        for field, values in {
            "tenant": (None, 1, "\ud800", _Text("acme"), "ü" * 5_000),
            "team": ("\ud800", b"x", 1),
            "value_ms": (True, 1.5, 2**63, -(2**63) - 1, -(2**63)),
            "score": (4, 10**400, "a"),
            "retracted": (1, None),
            "episode": (2**31, -(2**31), 2**70),
        }.items()
        for value in values
    ),
    *(
        (lambda codecs: codecs.encode_event, wire.encode_event, some_event(**{field: value}))
        for field, values in {
            "channel": ("fax", None, ["email"]),
            "priority": ("some", 1),
            "survey": (Call(), Survey("some", 1.0), Survey("csat", None)),  # type: ignore[arg-type]
            "attributes": (None, {"a": 1}, {1: "a"}, {"a": "\ud800"}, {"a": "x" * 300_000}, {_Text("a"): "b"}),
        }.items()
        for value in values
    ),
]


@pytest.mark.parametrize(("ours", "plain", "record"), UNFIT, ids=count())
def test_what_does_not_fit_is_refused_in_the_same_words(
    native: Codegen, ours: Callable[[fast.Codecs], Any], plain: Callable[[Any], bytes], record: Any
) -> None:
    def answer(encode: Callable[[Any], bytes]) -> object:
        try:
            return encode(record)
        except Exception as exc:  # noqa: BLE001 - whatever it is, it has to be the same
            return type(exc), str(exc)

    assert answer(ours(fast.Codecs(native))) == answer(plain)


@pytest.mark.parametrize("kind", [bytearray, memoryview, _Bytes])
def test_payloads_that_are_not_quite_bytes_are_for_the_plain_decoder(
    native: Codegen, kind: Callable[[bytes], Any]
) -> None:
    read = native.compile_reader(latest("metric_fact"), Shape(MetricFact), lambda payload: "asked")
    assert read(kind(_FACT_BYTES)) == "asked"
    assert read(_FACT_BYTES) == FACT


def _events() -> list[InteractionEvent]:
    return [
        # More sources than there are places for what is remembered.
        *(some_event(source=f"source-{number}", attributes={f"n{number}": "some text"}) for number in range(9_000)),
        some_event(
            team="größe",
            attributes={"a": "1", "ö": "ü", "größer": "größe"},
            sequence=2**40,
            ingested_at=1_773_133_200_000,
        ),
        some_event(type="survey_answered", survey=Survey("csat", 4.0, 1.0, 5.0, "q1"), language="ar" * 30),
        some_event(type="call_ended", call=Call(60.0, 0.5, 12.0), assignee_id="a" * 200),
        some_event(type="call_ended", call=Call(-60.0)),
    ]


def test_nothing_that_was_read_or_refused_is_left_behind_or_given_away_twice(native: Codegen) -> None:
    codecs = fast.Codecs(native)
    read = codecs.event_reader(InteractionEvent, lambda payload: None)
    shared = [None, True, False, "email", "live_chat", "message", Survey, Call, InteractionEvent, MetricFact]
    events = _events()
    payloads = [wire.encode_event(event) for event in events]

    def work(seed: int) -> None:
        rng = Random(seed)
        for _ in range(20_000):
            # The last few are the ones with more in them.
            body = bytearray(rng.choice(payloads if rng.random() < 0.5 else payloads[-4:]))
            if rng.random() < 0.8:
                body[rng.randrange(10, len(body))] = rng.randrange(256)
            read(bytes(body[: rng.choice((len(body), rng.randrange(len(body))))]))
            codecs.encode_event(rng.choice(events[-4:]))
            codecs.encode_fact(FACT)
            codecs.decode_fact(_FACT_BYTES)

    # The first rounds fill what is remembered.
    work(1)
    rounds = []
    for _ in range(3):
        gc.collect()
        before = [sys.getallocatedblocks(), *map(sys.getrefcount, shared)]
        work(1)
        gc.collect()
        after = [sys.getallocatedblocks(), *map(sys.getrefcount, shared)]
        rounds.append([abs(now - was) for now, was in zip(after, before, strict=True)])
    # Others in this process may let go of something meanwhile; what happens here, happens in every round.
    assert all(min(changes) < 200 for changes in zip(*rounds, strict=True)), rounds
