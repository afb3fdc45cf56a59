"""The payloads of a vendor that somebody has put beside the repository, and what becomes of each."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from schemas.checks import check_event
from schemas.errors import Refused
from tests.connectors.channels.case import SECRET, Sample, VendorCase
from tests.streams.shared import shared_file


def files(vendor: str) -> list[Path]:
    """The vendor's files; without them the test that asks is skipped."""
    return sorted(path for path in shared_file(f"webhooks/{vendor}").iterdir() if path.is_file())


def documents(vendor: str, is_payload: Callable[[dict[str, Any]], bool]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and content of every payload in the JSON files; some hold several, by name, at some depth."""
    for path in files(vendor):
        if path.suffix == ".json":
            yield from _inside(path.stem, json.loads(path.read_text(encoding="utf-8")), is_payload)


def _inside(
    name: str, found: Any, is_payload: Callable[[dict[str, Any]], bool]
) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(found, dict):
        return
    if is_payload(found):
        yield name, found
    for key, value in found.items():
        if not is_payload(found) or (isinstance(value, dict) and is_payload(value)):
            yield from _inside(f"{name}.{key}", value, is_payload)


def outcome(case: VendorCase, body: bytes, **request: Any) -> str:
    """What becomes of a body, in one line: types of events with who and what, codes of the ignored, why parked."""
    signed = case.sign(Sample("shared", body), SECRET)
    try:
        parsed = case.connector.parse(dataclasses.replace(signed, **request), case.source())
    except Refused as exc:
        return f"refused: {exc.detail}"
    for event in parsed.events:
        check_event(event)
    told = [
        f"{each.actor_kind} {each.type}" + " automated" * each.automated + " ack" * each.ack for each in parsed.events
    ]
    return "; ".join([*told, *(f"({code})" for code in parsed.ignored), *(f"PARKED {p.detail}" for p in parsed.parked)])
