"""Signing samples as vendors do that share a way of it."""

from __future__ import annotations

from collections.abc import Callable

from connectors.channels.base import Delivery
from connectors.channels.signatures import hex_hmac
from tests.connectors.channels.case import Sample


def hub_signed(vendor: str) -> Callable[[Sample, bytes], Delivery]:
    """`X-Hub-Signature-256`, as Meta signs."""

    def sign(sample: Sample, secret: bytes) -> Delivery:
        headers = {
            "content-type": "application/json",
            "x-hub-signature-256": "sha256=" + hex_hmac(secret, sample.body),
            **sample.headers,
        }
        url = f"https://hooks.example/v1/hooks/{vendor}/{vendor}-main"
        return Delivery("POST", url, headers, sample.body, sample.received_ms, sample.query)

    return sign
