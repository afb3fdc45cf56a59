"""Which sources have been silent for longer than they may be."""

from __future__ import annotations

from schemas.ticks import ANY_TENANT
from streams.worker.heard import Heard

CHAT = ("acme", "chat")


def test_a_source_is_silent_behind_its_heartbeat_and_not_at_it() -> None:
    heard = Heard({"chat": 5.0}, now_ms=0)
    heard.hear([CHAT], 10_000)
    assert heard.silent(15_000) == frozenset()
    assert heard.silent(15_001) == {CHAT}
    heard.hear([CHAT], 15_001)
    assert heard.silent(15_002) == frozenset()


def test_whoever_was_never_heard_of_has_a_heartbeat_from_the_start() -> None:
    heard = Heard({"chat": 5.0}, now_ms=1_000)
    assert heard.silent(6_000) == frozenset()
    assert heard.silent(6_001) == {(ANY_TENANT, "chat")}
    heard.hear([CHAT], 6_002)
    assert heard.silent(6_003) == frozenset(), "it is known by its tenant from now on"


def test_every_tenant_has_a_source_of_its_own() -> None:
    heard = Heard({"chat": 5.0}, now_ms=0)
    heard.hear([CHAT, ("other", "chat")], 0)
    heard.hear([CHAT], 4_000)
    assert heard.silent(6_000) == {("other", "chat")}


def test_news_from_the_past_is_no_news() -> None:
    heard = Heard({"chat": 5.0}, now_ms=0)
    heard.hear([CHAT], 9_000)
    heard.hear([CHAT], 1_000)
    assert heard.silent(10_000) == frozenset()


def test_what_is_not_watched_is_never_silent() -> None:
    heard = Heard({"chat": 5.0}, now_ms=0)
    heard.hear([("acme", "mail"), CHAT], 0)
    assert heard.silent(10**9) == {CHAT}
    assert set(heard.sources) == {CHAT}
