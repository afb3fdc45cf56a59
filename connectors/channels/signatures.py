"""Signatures over raw bytes, compared in constant time."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable
from typing import Literal

from connectors.channels.base import REPLAY_WINDOW_MS, Delivery, Unverified
from schemas.times import EpochMs

Digest = Literal["sha1", "sha256"]


def header(delivery: Delivery, name: str) -> str:
    """A header of the delivery. Raises `Unverified` without it."""
    value = delivery.headers.get(name)
    if not value:
        raise Unverified(f"the header {name} is missing: is the webhook's signing switched on, does a proxy drop it?")
    return value


def hex_hmac(secret: bytes, signed: bytes, digest: Digest = "sha256") -> str:
    """The HMAC in lower-case hexadecimal."""
    return hmac.new(secret, signed, digest).hexdigest()


def base64_hmac(secret: bytes, signed: bytes, digest: Digest = "sha256") -> str:
    """The HMAC in base64, as most vendors that do not use hexadecimal write it."""
    return base64.b64encode(hmac.digest(secret, signed, digest)).decode()


def require_match(given: str, expected: Iterable[str], what: str) -> None:
    """Raise `Unverified` unless `given` equals one of the expected values, one for each secret in force.

    All are compared, each in constant time, so that neither their number nor their content shows in the time taken.
    """
    found = False
    for each in expected:
        found |= hmac.compare_digest(given.encode("utf-8", "replace"), each.encode())
    if not found:
        raise Unverified(f"{what} does not match: check the source's secret, and that nothing rewrites the body")


def require_fresh(signed_at_ms: EpochMs, delivery: Delivery, window_ms: int = REPLAY_WINDOW_MS) -> None:
    """Raise `Unverified` if the delivery was signed further than `window_ms` from now, in either direction."""
    if abs(delivery.received_at - signed_at_ms) > window_ms:
        raise Unverified(f"signed more than {window_ms // 1000} s from now: a replay, or a clock that is off")
