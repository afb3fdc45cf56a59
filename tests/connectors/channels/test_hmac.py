"""Our HMAC, which keeps what it made of a key, is the standard library's."""

from __future__ import annotations

import hmac
from typing import Literal

import pytest

from connectors.channels import signatures


@pytest.mark.parametrize("digest", ["sha1", "sha256"])
@pytest.mark.parametrize("length", [0, 1, 20, 63, 64, 65, 128, 200])
def test_it_is_the_standard_librarys(length: int, digest: Literal["sha1", "sha256"]) -> None:
    secret = bytes(range(length))
    for signed in (b"", b"x", b"body" * 1000, b""):
        # Twice: the second one with the key that was kept.
        assert signatures.hmac_of(secret, signed, digest) == hmac.digest(secret, signed, digest)


def test_it_keeps_no_end_of_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = signatures._Keyed()
    monkeypatch.setattr(signatures, "_KEYED", kept)
    monkeypatch.setattr(signatures._Keyed, "_LIMIT", 10)
    for number in range(25):
        secret = b"%d" % number
        assert signatures.hmac_of(secret, b"x") == hmac.digest(secret, b"x", "sha256")
    assert len(kept) <= 10
