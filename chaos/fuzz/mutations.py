"""Seeded damage: to bytes, and to the values of a JSON document."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

_GONE = object()
#: What takes the place of a value in a document.
_VALUES: tuple[Any, ...] = (
    _GONE, None, True, False, 0, -1, 1.5, 1e308, -(2**63), 2**64, 10**30, "", " ", "7", "\u0000", "\ud7ff", "é" * 300,
    [], [None], [[[]]], {}, {"a": None}, {"id": {}},
)  # fmt: skip
_BYTES = (
    b"",
    b"\x00",
    b"\xff",
    b"\x80\x80\x80\x80\x80\x80",
    b"{",
    b"[" * 200,
    b'"',
    b"\\u0000",
    b"\r\n",
    b"1e999",
    b"=",
)
_LONGEST_BYTES = 20_000


def damaged(original: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    """The input with one to four pieces of damage. `others` lend pieces of theirs."""
    if rng.random() < 0.5:
        document = _document(original)
        if document is not None:
            for _ in range(rng.randint(1, 3)):
                document = _changed(document, rng)
            return json.dumps(document).encode()
    for _ in range(rng.randint(1, 4)):
        original = _hurt(original, rng.choice(others), rng)
    return original[:_LONGEST_BYTES]


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _hurt(body: bytes, other: bytes, rng: Random) -> bytes:
    place = rng.randint(0, len(body))
    end = min(len(body), place + rng.choice((1, 1, 2, 4, 8, 64)))
    kind = rng.randrange(6)
    if kind == 0 and body:
        place = min(place, len(body) - 1)
        return body[:place] + bytes([body[place] ^ 1 << rng.randrange(8)]) + body[place + 1 :]
    if kind == 1:
        return body[:place] + body[end:]
    if kind == 2:
        return body[:place]
    if kind == 3:
        return body[:place] + rng.choice(_BYTES) + body[place:]
    if kind == 4:
        start = rng.randint(0, len(other))
        return body[:place] + other[start : start + rng.choice((4, 16, 256))] + body[end:]
    return body[:place] + body[place:end] * rng.choice((2, 3, 40)) + body[end:]


def _changed(document: Any, rng: Random) -> Any:
    holders = list(_holders(document))
    if not holders or rng.random() < 0.02:
        value = rng.choice(_VALUES)
        return None if value is _GONE else copy.deepcopy(value)
    holder = rng.choice(holders)
    key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
    value = rng.choice(_VALUES)
    if value is _GONE:
        del holder[key]
    else:
        # A copy: what is changed next may be inside of it.
        holder[key] = copy.deepcopy(value)
    return document


def _holders(found: Any) -> Iterator[Any]:
    """Every object and list in it that has something in it."""
    if isinstance(found, (dict, list)) and found:
        yield found
        for inside in found.values() if isinstance(found, dict) else found:
            yield from _holders(inside)
