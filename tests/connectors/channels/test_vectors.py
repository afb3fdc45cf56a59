"""Known answers of the vendors' signatures, where somebody has put them beside the repository."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from connectors.channels.accounts import AccountOptions
from connectors.channels.base import Delivery, Source
from connectors.channels.github import GitHub, GitHubOptions
from connectors.channels.line import Line
from connectors.channels.slack import Slack, SlackOptions
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


#: A vector's vendor → a test that raises unless the connector takes the vector's signature.
CHECKS: dict[str, Callable[[dict[str, Any]], None]] = {"github": of_github, "line": of_line, "slack": of_slack}


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
