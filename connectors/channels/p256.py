"""ECDSA over the curve P-256 with SHA-256 (FIPS 186-5): checking signatures, never making them.

Key, signature and message are all public, so the time that this takes tells nobody anything. That is why a page of
arithmetic will do, for the one vendor that signs so, instead of a compiled library that nothing else needs.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import NamedTuple

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
#: What stands before the two coordinates of a key of this curve (RFC 5480), uncompressed.
_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
_PEM = re.compile(rb"-----[A-Z ]+-----|\s")


class PublicKey(NamedTuple):
    """A point of the curve."""

    x: int
    y: int


class _Point(NamedTuple):
    """A point in Jacobian coordinates: (x / z², y / z³). That without z is the zero."""

    x: int
    y: int
    z: int


_ZERO = _Point(1, 1, 0)
_BASE = _Point(
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    1,
)


def public_key(text: bytes) -> PublicKey | None:
    """The key that is written as base64 of its DER, also between the lines of PEM; None for anything else."""
    try:
        der = base64.b64decode(_PEM.sub(b"", text), validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(der) != len(_HEAD) + 64 or not der.startswith(_HEAD):
        return None
    x, y = int.from_bytes(der[-64:-32], "big"), int.from_bytes(der[-32:], "big")
    is_on_curve = x < _P and y < _P and (y * y - (x * x * x - 3 * x + _B)) % _P == 0
    return PublicKey(x, y) if is_on_curve else None


def verifies(key: PublicKey, signed: bytes, signature: bytes) -> bool:
    """Whether `signature`, in DER, is the key's own for these bytes."""
    pair = _integers(signature)
    if pair is None or not all(0 < each < _N for each in pair):
        return False
    r, s = pair
    message, inverse = int.from_bytes(hashlib.sha256(signed).digest(), "big"), pow(s, -1, _N)
    found = _sum(message * inverse % _N, _BASE, r * inverse % _N, _Point(key.x, key.y, 1))
    return found.z != 0 and found.x * pow(found.z, -2, _P) % _P % _N == r


def _integers(der: bytes) -> tuple[int, int] | None:
    """The two integers of a signature."""
    found: list[int] = []
    if len(der) < 2 or der[0] != 0x30 or der[1] != len(der) - 2 or der[1] > 0x7F:
        return None
    left = der[2:]
    while len(left) > 2 and left[0] == 0x02 and 0 < left[1] <= len(left) - 2:
        found.append(int.from_bytes(left[2 : 2 + left[1]], "big"))
        left = left[2 + left[1] :]
    return (found[0], found[1]) if len(found) == 2 and not left else None


def _sum(first: int, one: _Point, second: int, other: _Point) -> _Point:
    """`first` times `one` and `second` times `other`, by a doubling for every bit of both at once."""
    steps = (_ZERO, one, other, _added(one, other))
    total = _ZERO
    for bit in reversed(range(256)):
        total = _added(_doubled(total), steps[(first >> bit & 1) + 2 * (second >> bit & 1)])
    return total


def _doubled(point: _Point) -> _Point:
    x, y, z = point
    zz, yy = z * z % _P, y * y % _P
    xyy, slope = x * yy % _P, 3 * (x - zz) * (x + zz) % _P
    new_x = (slope * slope - 8 * xyy) % _P
    return _Point(new_x, (slope * (4 * xyy - new_x) - 8 * yy * yy) % _P, 2 * y * z % _P)


def _added(one: _Point, other: _Point) -> _Point:
    if not one.z or not other.z:
        return other if not one.z else one
    one_zz, other_zz = one.z * one.z % _P, other.z * other.z % _P
    x, y = one.x * other_zz % _P, one.y * other.z * other_zz % _P
    across = (other.x * one_zz - x) % _P
    up = (other.y * one.z * one_zz - y) % _P
    if not across:
        return _ZERO if up else _doubled(one)
    square = across * across % _P
    cube, shifted = across * square % _P, x * square % _P
    new_x = (up * up - cube - 2 * shifted) % _P
    return _Point(new_x, (up * (shifted - new_x) - y * cube) % _P, across * one.z * other.z % _P)
