"""What was ever released stays readable, and never changes."""

from __future__ import annotations

import copy
import json
import typing
from pathlib import Path
from typing import Any

import avro.schema
import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

from schemas import records, registry
from schemas.errors import SupportpulseError
from schemas.registry import SchemaVersion

RELEASED: dict[str, dict[str, str]] = json.loads((Path(__file__).parent / "released.json").read_text(encoding="utf-8"))
ALL_VERSIONS = [version for record in registry.RECORDS for version in registry.versions(record)]
CLASSES = {
    "interaction_event": records.InteractionEvent,
    "metric_fact": records.MetricFact,
    "sla_alert": records.SlaAlert,
    "metric_window": records.MetricWindow,
    "dead_letter": records.DeadLetter,
}
each_record = pytest.mark.parametrize("record", registry.RECORDS)
each_version = pytest.mark.parametrize("version", ALL_VERSIONS, ids=lambda v: f"{v.record}-{v.number}")


def readable(writer: dict[str, Any], reader: dict[str, Any]) -> bool:
    """Whether avro finds that what `writer` wrote can be read with `reader`."""
    checker = ReaderWriterCompatibilityChecker()
    found = checker.get_compatibility(avro.schema.parse(json.dumps(reader)), avro.schema.parse(json.dumps(writer)))
    return bool(found.compatibility is SchemaCompatibilityType.compatible)


def test_a_released_version_never_changes_and_never_goes() -> None:
    """To release one: add `<number>.avsc`, and its line to released.json. A line that is there stays as it is."""
    found = {
        record: {str(version.number): version.fingerprint.hex() for version in registry.versions(record)}
        for record in registry.RECORDS
    }
    assert found == RELEASED


@each_record
def test_versions_are_numbered_from_one_without_gaps(record: str) -> None:
    numbers = [version.number for version in registry.versions(record)]
    assert numbers == list(range(1, len(numbers) + 1))


@each_version
def test_every_version_can_be_read_with_the_latest(version: SchemaVersion) -> None:
    assert readable(version.document, registry.latest(version.record).document)


def without_defaults(document: dict[str, Any]) -> None:
    document["fields"].append({"name": "brand_new", "type": "string"})


def with_a_narrower_type(document: dict[str, Any]) -> None:
    document["fields"][0]["type"] = "int"


def with_another_name(document: dict[str, Any]) -> None:
    document["name"] = "SomethingElse"


@each_record
@pytest.mark.parametrize("change", [without_defaults, with_a_narrower_type, with_another_name])
def test_an_incompatible_change_would_be_caught(record: str, change: typing.Callable[[dict[str, Any]], None]) -> None:
    latest = registry.latest(record).document
    changed = copy.deepcopy(latest)
    change(changed)
    assert not readable(latest, changed)


def test_an_enum_symbol_that_goes_would_be_caught() -> None:
    latest = registry.latest("interaction_event").document
    changed = copy.deepcopy(latest)
    enum = next(field for field in changed["fields"] if field["name"] == "channel")["type"]
    enum["symbols"].remove("email")
    assert not readable(latest, changed)


@each_record
def test_a_compatible_change_would_pass(record: str) -> None:
    latest = registry.latest(record).document
    changed = copy.deepcopy(latest)
    changed["fields"].append({"name": "brand_new", "type": ["null", "string"], "default": None})
    assert readable(latest, changed)


@each_version
def test_field_names_and_enums_match_between_avro_and_python(version: SchemaVersion) -> None:
    if version is not registry.latest(version.record):
        return
    hints = typing.get_type_hints(CLASSES[version.record])
    expected = dict(avro_fields(version.document))
    assert set(hints) == set(expected)
    # What facts and alerts take over from an event is text there, so that a new channel needs no new version of them.
    events = dict(avro_fields(registry.latest("interaction_event").document))
    for name, hint in hints.items():
        assert literals(hint) == (expected[name] or events.get(name)), name


def avro_fields(document: dict[str, Any]) -> typing.Iterator[tuple[str, set[str] | None]]:
    """Field names as records.py has them, with the symbols of an enum or None."""
    for field in document["fields"]:
        if field["name"] == "actor":
            yield from ((f"actor_{name}", symbols) for name, symbols in avro_fields(field["type"]))
        else:
            yield field["name"], symbols_of(field["type"])


def symbols_of(kind: Any) -> set[str] | None:
    arms = kind if isinstance(kind, list) else [kind]
    return next((set(arm["symbols"]) for arm in arms if isinstance(arm, dict) and arm["type"] == "enum"), None)


def literals(hint: Any) -> set[str] | None:
    """The values of a Literal, also under `| None`."""
    if typing.get_origin(hint) is typing.Literal:
        return set(typing.get_args(hint))
    found = [literals(arm) for arm in typing.get_args(hint)]
    return next((values for values in found if values is not None), None)


@pytest.mark.parametrize(("field", "kind"), [("survey", records.Survey), ("call", records.Call)])
def test_the_parts_of_an_event_match_too(field: str, kind: Any) -> None:
    fields = registry.latest("interaction_event").document["fields"]
    union = next(entry for entry in fields if entry["name"] == field)["type"]
    expected = dict(avro_fields(union[1]))
    # Positions matter here: the class is an array on the wire of the changelog.
    assert list(typing.get_type_hints(kind)) == list(expected)


def test_a_record_nobody_knows_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(SupportpulseError, match="metric_fact"):
        registry.versions("metric_facts")
