"""Signatures over raw bytes, compared in constant time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from typing import Any, Literal

from connectors.channels.base import REPLAY_WINDOW_MS, Delivery, Source, Unverified
from schemas.times import EpochMs

Digest = Literal["sha1", "sha256"]


def header(delivery: Delivery, name: str) -> str:
    """A header of the delivery. Raises `Unverified` without it."""
    value = delivery.headers.get(name)
    if not value:
        raise Unverified(f"the header {name} is missing: is the webhook's signing switched on, does a proxy drop it?")
    return value


class _Keyed(dict[tuple[bytes, Digest], tuple[Any, Any]]):
    """Secret and digest → both hashes of the HMAC (RFC 2104) with the key in them. Forgets all before it grows large.

    `hmac` looks the digest up and takes the key in anew for each signature, which costs as much as hashing a body.
    """

    _LIMIT = 1_000

    def __missing__(self, key: tuple[bytes, Digest]) -> tuple[Any, Any]:
        if len(self) >= self._LIMIT:
            self.clear()
        secret, digest = key
        size = hashlib.new(digest).block_size
        block = (secret if len(secret) <= size else hashlib.new(digest, secret).digest()).ljust(size, b"\0")
        inner, outer = (hashlib.new(digest, bytes(each ^ pad for each in block)) for pad in (0x36, 0x5C))
        found = self[key] = inner, outer
        return found


_KEYED = _Keyed()


def hmac_of(secret: bytes, signed: bytes, digest: Digest = "sha256") -> bytes:
    """The HMAC."""
    inner, outer = _KEYED[secret, digest]
    inner, outer = inner.copy(), outer.copy()
    inner.update(signed)
    outer.update(inner.digest())
    found: bytes = outer.digest()
    return found


def hex_hmac(secret: bytes, signed: bytes, digest: Digest = "sha256") -> str:
    """The HMAC in lower-case hexadecimal."""
    return hmac_of(secret, signed, digest).hex()


def base64_hmac(secret: bytes, signed: bytes, digest: Digest = "sha256") -> str:
    """The HMAC in base64, as most vendors that do not use hexadecimal write it."""
    return base64.b64encode(hmac_of(secret, signed, digest)).decode()


def require_match(given: str, expected: Iterable[str], what: str) -> None:
    """Raise `Unverified` unless `given` equals one of the expected values, one for each secret in force.

    All are compared, each in constant time, so that neither their number nor their content shows in the time taken.
    """
    found, came = False, given.encode("utf-8", "replace")
    for each in expected:
        found |= hmac.compare_digest(came, each.encode())
    if not found:
        raise Unverified(f"{what} does not match: check the source's secret, and that nothing rewrites the body")


def require_fresh(signed_at_ms: EpochMs, delivery: Delivery, window_ms: int = REPLAY_WINDOW_MS) -> None:
    """Raise `Unverified` if the delivery was signed further than `window_ms` from now, in either direction."""
    if abs(delivery.received_at - signed_at_ms) > window_ms:
        raise Unverified(f"signed more than {window_ms // 1000} s from now: a replay, or a clock that is off")


#: Where a vendor that signs nothing can be told to put a secret of ours.
SECRET_HEADERS = ("x-supportpulse-secret", "x-api-key")


def require_shared_secret(delivery: Delivery, source: Source[Any], headers: tuple[str, ...] = SECRET_HEADERS) -> None:
    """Raise `Unverified` unless the delivery carries one of the source's secrets, for vendors that sign nothing.

    Taken from the password of `Authorization: Basic` (or the whole `user:password`), from `Authorization: Bearer`, or
    from one of `SECRET_HEADERS`. Not from the address: addresses end up in logs.
    """
    given = [*_authorization(delivery.headers.get("authorization", "")), *_values(delivery, headers)]
    if not given:
        raise Unverified(
            "no secret came with this: let the vendor send it as the password of basic authentication, as a bearer "
            f"token or in the header {SECRET_HEADERS[0]}"
        )
    found = False
    for each in given:
        for secret in source.secrets:
            found |= hmac.compare_digest(each, secret)
    if not found:
        raise Unverified("the secret that came with this is none of the source's: check both sides")


def _values(delivery: Delivery, names: tuple[str, ...]) -> list[bytes]:
    return [delivery.headers[name].encode("utf-8", "replace") for name in names if delivery.headers.get(name)]


def _authorization(value: str) -> list[bytes]:
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() == "bearer":
        return [rest.strip().encode("utf-8", "replace")]
    if scheme.lower() != "basic":
        return []
    try:
        pair = base64.b64decode(rest.strip(), validate=True)
    except (binascii.Error, ValueError):
        return []
    return [pair, pair.partition(b":")[2]]
