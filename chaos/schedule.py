"""Which faults, on whom, when: decided by a seed alone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, TypeAlias, get_args

Kind: TypeAlias = Literal[
    "kill_gateway",
    "kill_worker",
    "kill_sink",
    "freeze_gateway",
    "freeze_worker",
    "freeze_sink",
    "kill_kafka",
    "kill_clickhouse",
    "outage_clickhouse",
    "cut_clickhouse",
    "cut_kafka",
    "stop_worker",
    "add_worker",
    "stop_sink",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
#: Those that say most about lost and doubled work come more often.
_WEIGHTS: dict[Kind, int] = {
    "kill_worker": 4,
    "kill_sink": 3,
    "freeze_worker": 3,
    "kill_kafka": 2,
    "cut_clickhouse": 3,
    "cut_kafka": 3,
}


@dataclass(frozen=True, slots=True)
class Pace:
    """How quickly one fault follows the other, in seconds."""

    least_pause_seconds: float = 1.0
    longest_pause_seconds: float = 6.0
    #: Beyond the session timeout, so that a frozen one has lost its partitions when it wakes up.
    freeze_seconds: float = 9.0
    outage_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `victim` numbers the members of a kind; `seconds` is how long it lasts, 0 for those that do not.

    `after_bytes`: how much more passes before a connection is cut.
    """

    pause_seconds: float
    kind: Kind
    victim: int = 0
    seconds: float = 0.0
    after_bytes: int = 0


def plan(faults: int, seed: int, pace: Pace = Pace(), kinds: Sequence[Kind] = KINDS) -> list[Fault]:
    """As many faults; of each kind one before any kind comes twice, in any order, and by weight from then on."""
    random = Random(seed)
    first = random.sample(kinds, len(kinds))
    weights = [_WEIGHTS.get(kind, 1) for kind in kinds]
    return [
        _fault(first[number] if number < len(first) else random.choices(kinds, weights)[0], pace, random)
        for number in range(faults)
    ]


def _fault(kind: Kind, pace: Pace, random: Random) -> Fault:
    lasting = {"freeze": pace.freeze_seconds, "outage": pace.outage_seconds}.get(kind.partition("_")[0], 0.0)
    return Fault(
        pause_seconds=random.uniform(pace.least_pause_seconds, pace.longest_pause_seconds),
        kind=kind,
        victim=random.randrange(2),
        seconds=lasting * random.uniform(1.0, 1.3),
        after_bytes=random.randrange(200_000) if kind.startswith("cut_") else 0,
    )
