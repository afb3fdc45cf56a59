"""Signatures made by others: the known answers of RFC 6979 (A.2.5), and OpenSSL's."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicNumbers

from connectors.channels.p256 import public_key, verifies

#: The key of RFC 6979, and what it signed → the two integers of the signature.
KEY = EllipticCurvePublicNumbers(
    0x60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6,
    0x7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299,
    SECP256R1(),
).public_key()
ANSWERS = {
    b"sample": (
        0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
        0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
    ),
    b"test": (
        0xF1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367,
        0x019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083,
    ),
}
#: `openssl ecparam -name prime256v1 -genkey`, `openssl ec -pubout`.
OPENSSL_KEY = (
    b"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEo5184SIA3Fr1nwqWQqUwGLeuUQ9bIuqCRqMH0UqvDH0I"
    b"KA8k5AA8ZJ/wqHPEsksF8jFsslalz6sWqeWp/GE4OQ=="
)


def der(r: int, s: int) -> bytes:
    """A signature of these integers."""
    parts = b"".join(b"\x02%c" % (each.bit_length() // 8 + 1) + each.to_bytes(each.bit_length() // 8 + 1, "big")
                     for each in (r, s))  # fmt: skip
    return b"\x30%c" % len(parts) + parts


@pytest.mark.parametrize("message", ANSWERS)
def test_known_answers(message: bytes) -> None:
    r, s = ANSWERS[message]
    assert verifies(KEY, message, der(r, s))
    assert not verifies(KEY, message + b".", der(r, s))
    assert not verifies(KEY, message, der(r, s + 1))
    assert not verifies(KEY, message, der(s, r))


def test_another_key_has_signed_nothing() -> None:
    other = public_key(OPENSSL_KEY)
    assert other is not None
    assert not verifies(other, b"sample", der(*ANSWERS[b"sample"]))


def test_keys_are_read_as_they_are_handed_out() -> None:
    lines = (
        b"-----BEGIN PUBLIC KEY-----\n" + OPENSSL_KEY[:64] + b"\n" + OPENSSL_KEY[64:] + b"\n-----END PUBLIC KEY-----\n"
    )
    assert public_key(lines) == public_key(OPENSSL_KEY) == public_key(OPENSSL_KEY + b"\n")


def damaged(place: int) -> bytes:
    """The key with one bit of its DER turned over."""
    raw = bytearray(base64.b64decode(OPENSSL_KEY))
    raw[place] ^= 1
    return base64.b64encode(raw)


@pytest.mark.parametrize(
    "text",
    [b"", b"correct-horse", b"\xff", OPENSSL_KEY[:-4], OPENSSL_KEY + b"AAAA", damaged(0), damaged(30), damaged(90)],
)
def test_what_is_no_key(text: bytes) -> None:
    assert public_key(text) is None


GOOD = der(*ANSWERS[b"sample"])


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        b"\x30",
        b"\x30\x00",
        GOOD[:-1],
        GOOD + b"\x00",
        b"\x31" + GOOD[1:],
        b"\x30\x81" + GOOD[1:],
        der(0, ANSWERS[b"sample"][1]),
        der(ANSWERS[b"sample"][0], 0),
        der(ANSWERS[b"sample"][0] + 2**256, ANSWERS[b"sample"][1]),
        b"\x30\x02\x02\x00",
        b"\x30\x06\x02\x01\x01\x02\x01\x01",
    ],
)
def test_what_is_no_signature(signature: bytes) -> None:
    assert not verifies(KEY, b"sample", signature)
