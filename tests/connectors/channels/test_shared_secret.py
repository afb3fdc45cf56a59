"""Vendors that sign nothing: a secret of ours in a header."""

from __future__ import annotations

import base64

import pytest

from connectors.channels.base import ChannelOptions, Delivery, Source, Unverified
from connectors.channels.signatures import require_shared_secret

SOURCE = Source(name="s", tenant="acme", options=ChannelOptions(), secrets=(b"new", b"old"))


def delivery(**headers: str) -> Delivery:
    return Delivery("POST", "https://h/", {name.replace("_", "-"): value for name, value in headers.items()}, b"", 0)


def basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": basic("anyone:new")},
        {"authorization": basic("old")},
        {"authorization": "bearer old"},
        {"x_supportpulse_secret": "new"},
        {"x_api_key": "old"},
        {"authorization": "Bearer of something else", "x_api_key": "old"},
    ],
)
def test_any_secret_in_force_is_taken(headers: dict[str, str]) -> None:
    require_shared_secret(delivery(**headers), SOURCE)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Basic !!!"},
        {"authorization": basic("new:anyone")},
        {"authorization": "Bearer ne"},
        {"authorization": "Bearer"},
        {"x_api_key": "newer"},
        {"authorization": "Digest new"},
    ],
)
def test_nothing_else_is(headers: dict[str, str]) -> None:
    with pytest.raises(Unverified) as told:
        require_shared_secret(delivery(**headers), SOURCE)
    assert "new" not in str(told.value)
    assert "ne:" not in str(told.value)


def test_without_secrets_nobody_gets_in() -> None:
    with pytest.raises(Unverified):
        require_shared_secret(delivery(authorization="Bearer "), Source("s", "acme", ChannelOptions()))
