"""Whatever a vendor may send, it leads to events, ignored or parked pieces, or a refusal: never to a crash."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.channels.base import Parsed
from schemas.checks import check_event
from schemas.errors import Refused
from tests.connectors.channels.case import SECRET, VendorCase, cases

CASES = cases()
#: What takes the place of a value, or of the whole body. `GONE` deletes it.
GONE = object()
REPLACEMENTS: tuple[Any, ...] = (
    GONE, None, True, False, 0, -1, 7, 1.5, 1e300, 2**70, "", " ", "7", "other", "\ud7ff\u0000", [], [None], [[]],
    [{}], ["a", 1], {}, {"a": None}, {"id": {}},
)  # fmt: skip

Path = tuple[str | int, ...]


def paths(found: object, above: Path = ()) -> Iterator[Path]:
    """The way to every value inside of `found`, itself included."""
    yield above
    inside = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for key, value in inside:
        yield from paths(value, (*above, key))


def mutated(document: Any, path: Path, replacement: object) -> Any:
    """A copy of the document with another value at the path, or without it."""
    if not path:
        return None if replacement is GONE else copy.deepcopy(replacement)
    changed = copy.deepcopy(document)
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    if replacement is GONE:
        del holder[path[-1]]
    else:
        holder[path[-1]] = copy.deepcopy(replacement)
    return changed


def outcome(case: VendorCase, number: int, body: bytes) -> Parsed | None:
    """What becomes of a sample's request with another body; None where it is refused."""
    delivery = dataclasses.replace(case.sign(case.samples[number], SECRET), body=body)
    try:
        parsed = case.connector.parse(delivery, case.source())
    except Refused:
        return None
    for event in parsed.events:
        check_event(event)
    return parsed


@pytest.mark.parametrize("case", [each for each in CASES if each.is_json], ids=lambda each: each.connector.vendor)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_json_crashes_a_connector(case: VendorCase, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(case.samples) - 1), "sample")
    document = json.loads(case.samples[number].body)
    for _ in range(data.draw(st.integers(1, 3), "changes")):
        path = data.draw(st.sampled_from(list(paths(document))), "path")
        document = mutated(document, path, data.draw(st.sampled_from(REPLACEMENTS), "replacement"))
    outcome(case, number, json.dumps(document).encode())


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.connector.vendor)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_bytes_crash_a_connector(case: VendorCase, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(case.samples) - 1), "sample")
    body = bytearray(case.samples[number].body)
    for _ in range(data.draw(st.integers(1, 4), "changes")):
        start = data.draw(st.integers(0, len(body)), "start")
        end = data.draw(st.integers(start, min(len(body), start + 40)), "end")
        body[start:end] = data.draw(st.binary(max_size=6), "bytes")
    outcome(case, number, bytes(body))


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.connector.vendor)
def test_every_sample_says_what_its_case_says(case: VendorCase) -> None:
    for number, sample in enumerate(case.samples):
        parsed = outcome(case, number, sample.body)
        assert parsed is not None, sample.name
        assert tuple(each.type for each in parsed.events) == sample.types, sample.name
        assert tuple(parsed.ignored) == sample.ignored, sample.name
        assert len(parsed.parked) == sample.parked, sample.name
