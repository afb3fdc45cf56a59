"""What a policies file says although it is valid: policies that never match, calendars that never open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, get_args

from schemas.records import Channel, Priority
from schemas.times import EpochMs
from streams.sla.policies import PolicyBook
from streams.sla.policy import Policy, PolicyVersion

_VALUES: Mapping[str, frozenset[str]] = {
    "channel": frozenset(get_args(Channel)),
    "priority": frozenset(get_args(Priority)),
}


class Finding(NamedTuple):
    """Something that is probably not meant. `line` is that of the policy, or of its document."""

    line: int
    text: str


def review(book: PolicyBook, now_ms: EpochMs) -> list[Finding]:
    """Everything that looks wrong, in the order of the file."""
    found = [warning for version in book.versions for warning in _version(version, now_ms)]
    for earlier, later in zip(book.versions, book.versions[1:], strict=False):
        if earlier.effective_from == later.effective_from:
            found.append(
                Finding(earlier.line, "the version is never in force: a later document has the same effective_from")
            )
    return sorted(found)


def _version(version: PolicyVersion, now_ms: EpochMs) -> Iterator[Finding]:
    for number, policy in enumerate(version.policies):
        line = version.policy_lines[number] if version.policy_lines else version.line
        for text in (*_unmatchable(policy, version.policies[:number]), *_pointless(policy, now_ms)):
            yield Finding(line, f"policy {policy.name!r} {text}")
    used = {id(policy.calendar) for policy in version.policies}
    for name, calendar in version.calendars.items():
        if id(calendar) not in used:
            yield Finding(version.line, f"calendar {name!r} is used by no policy")


def _unmatchable(policy: Policy, earlier: tuple[Policy, ...]) -> Iterator[str]:
    for word, values in policy.match:
        unknown = sorted(values - _VALUES.get(word, values))
        if unknown:
            yield f"matches a {word} that there is not: {', '.join(unknown)}"
        if not values:
            yield f"can never match: its list of {word} is empty"
    wanted = dict(policy.match)
    for other in earlier:
        # Whoever this one wants, the other one has wanted first.
        if all(word in wanted and wanted[word] <= values for word, values in other.match):
            yield f"can never match: {other.name!r}, further up, takes all that it would"
            return


def _pointless(policy: Policy, now_ms: EpochMs) -> Iterator[str]:
    if not policy.targets_ms:
        yield "has no targets: whoever it takes has no SLA"
    if policy.calendar is not None and policy.calendar.add(now_ms, 1) is None:
        yield "runs on a calendar that never opens: its clocks stand still for ever"
