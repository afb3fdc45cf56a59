"""A policies file that changes while a worker runs."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from schemas.times import parse
from streams.sla import policy_file
from streams.sla.policies import PolicyBook
from streams.worker.policy_watch import PolicyWatch

FIRST = "policies:\n  - {name: chat, targets: {first_response: 5m}}\n"
AHEAD = (
    FIRST + "---\neffective_from: 2026-03-11T00:00:00Z\npolicies:\n  - {name: chat, targets: {first_response: 3m}}\n"
)
NOW_MS = parse("2026-03-10T09:00:00Z")


class Watched:
    """A file, and the books that came of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_text(FIRST, encoding="utf-8")
        self.taken: list[PolicyBook] = []
        self.watch = PolicyWatch(policy_file.load(path), path, self.taken.append, lambda: NOW_MS, every_seconds=0.02)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "policies.yaml")


def test_a_version_that_lies_ahead_is_taken_and_numbers_stay(watched: Watched) -> None:
    watched.path.write_text(AHEAD, encoding="utf-8")
    assert watched.watch.look()
    (book,) = watched.taken
    assert len(book.versions) == 2
    assert book[0].targets_ms == {"first_response": 300_000}
    assert watched.watch.look()
    assert len(watched.taken) == 1, "nothing has changed since"


@pytest.mark.parametrize("text", ["policies: [", "", FIRST.replace("5m", "4m")], ids=["broken", "empty", "rewritten"])
def test_what_cannot_be_taken_leaves_the_old_policies_in_force(
    watched: Watched, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    watched.path.write_text(text, encoding="utf-8")
    assert not watched.watch.look()
    assert watched.taken == []
    assert "policies.yaml:" in capsys.readouterr().out
    watched.path.write_text(AHEAD, encoding="utf-8")
    assert watched.watch.look(), "and it is put right by the next good file"


async def test_who_asks_is_told_about_a_file_that_did_not_change(
    watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    watched.path.write_text("policies: [", encoding="utf-8")
    watching = asyncio.ensure_future(watched.watch.run())
    try:
        for times_refused in (1, 2):
            said = ""
            for _ in range(500):
                said += capsys.readouterr().out
                if "policies.refused" in said:
                    break
                await asyncio.sleep(0.02)
            assert said.count("policies.refused") == 1, times_refused
            watched.watch.ask()
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def test_the_file_is_watched_and_a_missing_one_is_waited_for(watched: Watched) -> None:
    watching = asyncio.ensure_future(watched.watch.run())
    try:
        watched.path.unlink()
        await asyncio.sleep(0.1)
        assert not watching.done()
        watched.path.write_text(AHEAD, encoding="utf-8")
        for _ in range(500):
            if watched.taken:
                break
            await asyncio.sleep(0.02)
        assert len(watched.taken) == 1
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
