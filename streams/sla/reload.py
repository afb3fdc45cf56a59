"""A changed policies file in a process that runs: what may change at once, and what would rewrite history.

    reloaded = reload(book, path, now_ms=now_ms)      # raises PolicyFileError; the old book stays in force
    book = reloaded.book
    reloaded.rewrites                                 # whether clocks have to be judged again: only `replace` does that

A version that has come into force may have judged clocks, and replays must come to the outcomes that were given then.
So such a version stays as it is, and none comes into force before now. Those that lie ahead may come, go and change.

Conversations keep the numbers of policies. Whatever is accepted and rewrites nothing leaves the number of every policy
that may be kept as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from schemas import times
from schemas.times import EpochMs
from streams.sla import policy_file
from streams.sla.policies import PolicyBook
from streams.sla.policy import PolicyVersion
from streams.sla.policy_file import PolicyFileError

#: Clocks of sources may run ahead: the gateway lets through what happens up to this long from now.
AHEAD_MS = 300_000


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What is in force from now on. `changed` says whether it differs from what was."""

    book: PolicyBook
    changed: bool
    #: If not, every outcome stays, and so does every number that a conversation keeps.
    rewrites: bool = False


def reload(book: PolicyBook, path: Path, *, now_ms: EpochMs) -> Reloaded:
    """The file as it is now, in the place of `book`.

    Raises `PolicyFileError`, with file, line and reason, if it cannot be read, or if it changes what may have judged
    clocks.
    """
    return replace(book, policy_file.load(path), str(path), now_ms=now_ms)


def replace(book: PolicyBook, wanted: PolicyBook, name: str, *, now_ms: EpochMs, rewrite: bool = False) -> Reloaded:
    """As `reload`, of a book that was read already; `name` is what errors call the file.

    With `rewrite` a change of what may have judged clocks is accepted.
    """
    if wanted.versions == book.versions:
        return Reloaded(book, changed=False)
    change = _first_change(book, wanted, now_ms + AHEAD_MS)
    if change is None:
        return Reloaded(wanted, changed=True)
    old, new = change
    if not rewrite:
        raise PolicyFileError(_refusal(name, old, new))
    return Reloaded(wanted, changed=True, rewrites=True)


def _first_change(
    book: PolicyBook, wanted: PolicyBook, until_ms: EpochMs
) -> tuple[PolicyVersion | None, PolicyVersion | None] | None:
    """The first difference among the versions that may have judged, (as it was, as it is to be)."""
    for old, new in zip_longest(_begun(book, until_ms), _begun(wanted, until_ms)):
        if old != new:
            return old, new
    return None


def _begun(book: PolicyBook, until_ms: EpochMs) -> list[PolicyVersion]:
    return [version for version in book.versions if _since(version) <= until_ms]


def _since(version: PolicyVersion) -> float:
    return float("-inf") if version.effective_from is None else version.effective_from


def _refusal(name: str, old: PolicyVersion | None, new: PolicyVersion | None) -> str:
    remedy = (
        "leave it as it was and add a document (---) with a later effective_from, or start the workers with "
        "--rewrite-policies"
    )
    if new is None or (old is not None and _since(old) < _since(new)):
        return f"{name}:1: the version {_called(old)} is gone, and may have judged clocks: {remedy}"
    if old is None or _since(new) < _since(old):
        return (
            f"{name}:{new.line}: a new version {_called(new)} would judge clocks that have been judged already: write "
            "an effective_from that lies more than five minutes ahead, or start the workers with --rewrite-policies"
        )
    line, what = _difference(old, new)
    return f"{name}:{line}: {what} of the version {_called(new)} was changed, and may have judged clocks: {remedy}"


def _difference(old: PolicyVersion, new: PolicyVersion) -> tuple[int, str]:
    """Line and name of the first policy that differs."""
    for number, (before, after) in enumerate(zip_longest(old.policies, new.policies)):
        if after is None:
            return new.line, f"policy {before.name!r}"
        if before != after:
            return (new.policy_lines[number] if new.policy_lines else new.line), f"policy {after.name!r}"
    return new.line, "a policy"


def _called(version: PolicyVersion | None) -> str:
    if version is None or version.effective_from is None:
        return "in force since ever"
    return f"effective from {times.render(version.effective_from)}"
