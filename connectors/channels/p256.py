"""ECDSA over the curve P-256 with SHA-256 (FIPS 186-5): checking signatures, never making them."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

PublicKey: TypeAlias = EllipticCurvePublicKey

_ALGORITHM = ECDSA(SHA256())
_PEM = re.compile(rb"-----[A-Z ]+-----|\s")


def public_key(text: bytes) -> PublicKey | None:
    """The key that is written as base64 of its DER, also between the lines of PEM; None for anything else."""
    try:
        key = load_der_public_key(base64.b64decode(_PEM.sub(b"", text), validate=True))
    # UnsupportedAlgorithm, of other curves, is no ValueError.
    except (binascii.Error, ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1) else None


def verifies(key: PublicKey, signed: bytes, signature: bytes) -> bool:
    """Whether `signature`, in DER, is the key's own for these bytes."""
    try:
        key.verify(signature, signed, _ALGORITHM)
    except InvalidSignature:
        return False
    return True
