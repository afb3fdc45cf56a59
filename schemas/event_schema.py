"""The event as JSON Schema: the types that decode it, with what `schemas.checks` asks for besides.

Instants outside of the years 1900 to 2299 are refused as well, and leap seconds: JSON Schema has no word for either.
"""

from __future__ import annotations

import sys
from typing import Any

from schemas.checks import MAX_CALL_SECONDS, MAX_NAME_CHARACTERS, NEEDED
from schemas.documents import document_schemas

_NAMES = ("event_id", "tenant", "source", "conversation_id")


def event_schema(ref: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The event's schema, and those it refers to; `ref` is put before their names."""
    name, components = document_schemas(ref + "{name}")
    renamed = {each: each.lstrip("_") for each in components}
    found = {renamed[each]: _refer(schema, ref, renamed) for each, schema in components.items()}
    for schema in found.values():
        schema.pop("title", None)
        for field in schema["properties"].values():
            _bound_length(field)
    event = found.pop(renamed[name])
    for field in _NAMES:
        event["properties"][field]["minLength"] = 1
    for field in found["Call"]["properties"].values():
        field |= {"minimum": 0, "maximum": MAX_CALL_SECONDS}
    for field in found["Survey"]["properties"].values():
        _bound_number(field)
    return {"anyOf": _variants(event)}, found


def _variants(event: dict[str, Any]) -> list[dict[str, Any]]:
    """One for each type that cannot do without a field, and one for all the others."""
    properties, required = event["properties"], event["required"]
    others = [kind for kind in properties["type"]["enum"] if kind not in NEEDED]
    variants = [{**event, "properties": {**properties, "type": {"enum": others}}}]
    for kind, field in NEEDED.items():
        said = next(each for each in properties[field]["anyOf"] if each != {"type": "null"})
        narrowed = {**properties, "type": {"enum": [kind]}, field: said}
        variants.append({**event, "properties": narrowed, "required": [*required, field]})
    return variants


def _bound_length(field: dict[str, Any]) -> None:
    for each in (field, *field.get("anyOf", ())):
        if each.get("type") == "string" and "format" not in each:
            each["maxLength"] = MAX_NAME_CHARACTERS


def _bound_number(field: dict[str, Any]) -> None:
    # A number of JSON may be larger than any float.
    for each in (field, *field.get("anyOf", ())):
        if each.get("type") == "number":
            each |= {"minimum": -sys.float_info.max, "maximum": sys.float_info.max}


def _refer(schema: Any, ref: str, renamed: dict[str, str]) -> Any:
    """The schema, with references to the new names."""
    if isinstance(schema, dict):
        return {
            key: ref + renamed[value.removeprefix(ref)] if key == "$ref" else _refer(value, ref, renamed)
            for key, value in schema.items()
        }
    return [_refer(each, ref, renamed) for each in schema] if isinstance(schema, list) else schema
