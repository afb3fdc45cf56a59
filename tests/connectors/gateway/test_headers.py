"""Headers as connectors see them, from a real connection: what is asked for is what came first, readable."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from connectors.gateway.headers import SentHeaders

_SENT = CIMultiDict[str]()
_SENT.add("X-Signature", "first")
_SENT.add("x-signature", "second")
_SENT.add("Content-Type", "application/json")
#: As aiohttp hands on what is not UTF-8.
_SENT.add("X-Name", b"caf\xe9".decode("utf-8", "surrogateescape"))


@pytest.fixture
def headers() -> Mapping[str, str]:
    return SentHeaders(CIMultiDictProxy(_SENT))


def test_the_first_of_a_name_counts(headers: Mapping[str, str]) -> None:
    assert headers["x-signature"] == headers.get("x-signature") == "first"
    assert dict(headers) == {"x-signature": "first", "content-type": "application/json", "x-name": "caf\ufffd"}
    assert len(headers) == 3


def test_what_was_not_sent_is_not_there(headers: Mapping[str, str]) -> None:
    assert headers.get("x-other") is None
    assert headers.get("x-other", "else") == "else"
    assert "x-other" not in headers
    with pytest.raises(KeyError):
        headers["x-other"]
