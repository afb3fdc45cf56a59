"""Known answers of the vendors' signatures, where somebody has put them beside the repository."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from connectors.channels.accounts import AccountOptions
from connectors.channels.base import Delivery, Source
from connectors.channels.github import GitHub, GitHubOptions
from connectors.channels.line import Line
from connectors.channels.signatures import base64_hmac
from connectors.channels.slack import Slack, SlackOptions
from connectors.channels.twilio import Twilio
from connectors.channels.twilio_request import TwilioOptions
from tests.streams.shared import shared_file


def of_github(vector: dict[str, Any]) -> None:
    headers = {vector["header"].lower(): vector["expected"]}
    source = Source("vector", "acme", GitHubOptions(), (vector["key"].encode(),))
    GitHub().verify(Delivery("POST", "https://h/", headers, vector["body"].encode(), 0), source)


def of_line(vector: dict[str, Any]) -> None:
    headers = {vector["header"].lower(): vector["expected"]}
    source = Source("vector", "acme", AccountOptions(), (vector["key"].encode(),))
    Line().verify(Delivery("POST", "https://h/", headers, vector["body"].encode(), 0), source)


def of_slack(vector: dict[str, Any]) -> None:
    stamp = vector["timestamp"]
    headers = {"x-slack-request-timestamp": stamp, vector["header"].lower(): vector["expected"]}
    source = Source("vector", "acme", SlackOptions(), (vector["key"].encode(),))
    Slack().verify(Delivery("POST", "https://h/", headers, vector["body"].encode(), int(stamp) * 1000), source)


def of_twilio(vector: dict[str, Any]) -> None:
    headers = {vector["header"].lower(): vector["expected"]}
    source = Source("vector", "acme", TwilioOptions(), (vector["key"].encode(),))
    Twilio().verify(Delivery("POST", vector["url"], headers, urlencode(vector["params"]).encode(), 0), source)


def of_twilio_json(vector: dict[str, Any]) -> None:
    # The vector is of the hash alone; the signature is that of the address which carries it.
    url = f"https://h/?bodySHA256={vector['bodySHA256']}"
    headers = {"content-type": "application/json", "x-twilio-signature": base64_hmac(b"k", url.encode(), "sha1")}
    source = Source("vector", "acme", TwilioOptions(), (b"k",))
    query = {"bodySHA256": vector["bodySHA256"]}
    Twilio().verify(Delivery("POST", url, headers, vector["body"].encode(), 0, query), source)


#: A vector's vendor → a test that raises unless the connector takes the vector's signature.
CHECKS: dict[str, Callable[[dict[str, Any]], None]] = {
    "github": of_github,
    "line": of_line,
    "slack": of_slack,
    "twilio": of_twilio,
    "twilio-json": of_twilio_json,
}


def test_every_vector_passes_that_has_a_check() -> None:
    vectors = json.loads(shared_file("webhooks/vectors/signature_vectors.json").read_text(encoding="utf-8"))
    checked = []
    for vector in vectors:
        check = CHECKS.get(vector["vendor"])
        if check is not None:
            check(vector)
            checked.append(vector["vendor"])
    if not checked:
        pytest.skip("no vendor with a check")
