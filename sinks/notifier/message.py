"""An alert as a signed request. Pure: the same alert gives the same body and the same key, whenever it is sent.

The receiver computes HMAC-SHA256 of `<timestamp>.<body>` with the secret it shares, compares it with `v1` of the
header, and does nothing for an idempotency key that it has seen.
"""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from schemas import documents
from schemas.records import SlaAlert

SIGNATURE = "Supportpulse-Signature"
IDEMPOTENCY_KEY = "Idempotency-Key"
_encode = msgspec.json.Encoder().encode


def body_of(alert: SlaAlert) -> bytes:
    """What is posted: the alert as JSON, with the field names of the contract."""
    return documents.render_alert(alert)


def key_of(alert: SlaAlert) -> str:
    """Names what happened, 64 hexadecimal digits: one clock, one level (a warning with its share), one deadline."""
    return hashlib.sha256(_encode([alert.tenant, alert.fact_id, alert.level, alert.share, alert.deadline])).hexdigest()


def signature_of(body: bytes, secret: bytes, at_seconds: int) -> str:
    """`t=<seconds since 1970>,v1=<hexadecimal HMAC-SHA256 of "<t>.<body>">`."""
    digest = hmac.new(secret, b"%d.%b" % (at_seconds, body), hashlib.sha256).hexdigest()
    return f"t={at_seconds},v1={digest}"


def headers_of(alert: SlaAlert, body: bytes, secret: bytes, at_seconds: int) -> dict[str, str]:
    """Everything beside the body. The timestamp is that of the attempt, so that receivers can refuse old ones."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "supportpulse",
        IDEMPOTENCY_KEY: key_of(alert),
        SIGNATURE: signature_of(body, secret, at_seconds),
    }
