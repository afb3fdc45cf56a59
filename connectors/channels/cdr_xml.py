"""A record of mod_xml_cdr as what mod_json_cdr sends of the same leg."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from schemas.errors import MalformedRecord

#: Profiles of the leg at the other end, which JSON has as lists.
_OTHER_ENDS = ("originator", "originatee", "origination")


def xml_record(body: bytes) -> dict[str, Any]:
    """`variables` and `callflow`, as far as they are there. Raises `MalformedRecord` for what is no record in XML."""
    # No record declares anything. Declarations are where XML grows without end, and reads other files.
    if b"<!" in body:
        raise MalformedRecord("the record declares something, which no record does")
    try:
        root = ElementTree.fromstring(body)  # noqa: S314  without declarations
    except (ElementTree.ParseError, ValueError, LookupError):
        raise MalformedRecord("the record is no XML") from None
    record: dict[str, Any] = {}
    variables = root.find("variables")
    if variables is not None:
        record["variables"] = _texts(variables)
    flow = [
        {"caller_profile": _profile(each), "times": _texts(each.find("times"))} for each in root.findall("callflow")
    ]
    if flow:
        record["callflow"] = flow
    return record


def _profile(flow: ElementTree.Element) -> dict[str, Any]:
    profile = flow.find("caller_profile")
    if profile is None:
        return {}
    found: dict[str, Any] = {**_texts(profile)}
    for end in _OTHER_ENDS:
        others = profile.findall(f"{end}/{end}_caller_profile")
        if others:
            found[end] = {f"{end}_caller_profiles": [_texts(each) for each in others]}
    return found


def _texts(holder: ElementTree.Element | None) -> dict[str, str]:
    """The texts of what an element holds, the first of a name."""
    found: dict[str, str] = {}
    for each in holder if holder is not None else ():
        if each.text and each.text.strip():
            found.setdefault(each.tag, each.text.strip())
    return found
