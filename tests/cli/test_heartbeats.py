"""`--heartbeat SOURCE=5m`: which sources are watched, and what is refused."""

from __future__ import annotations

import pytest

from schemas.errors import SupportpulseError
from supportpulse.commands.worker import parse_heartbeats


def test_sources_and_how_long_they_may_be_silent() -> None:
    assert parse_heartbeats("chat=5m, email=1.5h,a=b=30s,") == {"chat": 300.0, "email": 5400.0, "a=b": 30.0}
    assert parse_heartbeats("") == {}


@pytest.mark.parametrize("text", ["chat", "chat=", "=5m", "chat=5", "chat=-5m", "chat=0s", "chat=5m,chat=6m"])
def test_nonsense_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(SupportpulseError, match="write"):
        parse_heartbeats(text)
