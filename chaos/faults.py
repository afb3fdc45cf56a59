"""What each fault does to the stage."""

from __future__ import annotations

from collections.abc import Callable

from chaos.actors import Actor
from chaos.schedule import Fault, Kind
from chaos.stage import Stage

#: Waits while the stage is supervised.
Wait = Callable[[float], None]

#: More than this many, and the extra ones only cost.
_MOST_WORKERS = 3


def apply(fault: Fault, stage: Stage, wait: Wait) -> None:
    """Do it, and for those that last, undo it. Whoever was killed is started again by the supervisor."""
    _DOES[fault.kind](fault, stage, wait)


def _kill(fault: Fault, stage: Stage, _: Wait) -> None:
    _victim(fault, stage).kill()


def _freeze(fault: Fault, stage: Stage, wait: Wait) -> None:
    victim = _victim(fault, stage)
    victim.freeze()
    try:
        wait(fault.seconds)
    finally:
        victim.thaw()


def _stop(fault: Fault, stage: Stage, _: Wait) -> None:
    _victim(fault, stage).stop()


def _add_worker(_: Fault, stage: Stage, wait: Wait) -> None:
    if len(stage.workers) >= _MOST_WORKERS:
        stage.drop_worker()
    stage.add_worker()
    wait(1.0)


def _kill_kafka(_: Fault, stage: Stage, wait: Wait) -> None:
    stage.kafka.kill()
    wait(1.0)
    stage.kafka.start()


def _outage(fault: Fault, stage: Stage, wait: Wait) -> None:
    stage.clickhouse.kill()
    wait(fault.seconds)
    stage.clickhouse.start()


def _cut(fault: Fault, stage: Stage, _: Wait) -> None:
    path = {"clickhouse": stage.to_clickhouse, "kafka": stage.to_kafka}[_target(fault)]
    path.cut(fault.after_bytes)


def _target(fault: Fault) -> str:
    """The second half of `kill_worker`, `cut_kafka`."""
    return fault.kind.partition("_")[2]


def _victim(fault: Fault, stage: Stage) -> Actor:
    crowd = {"gateway": [stage.gateway], "worker": stage.workers, "sink": stage.sinks}[_target(fault)]
    return crowd[fault.victim % len(crowd)]


_DOES: dict[Kind, Callable[[Fault, Stage, Wait], None]] = {
    "kill_gateway": _kill,
    "kill_worker": _kill,
    "kill_sink": _kill,
    "freeze_gateway": _freeze,
    "freeze_worker": _freeze,
    "freeze_sink": _freeze,
    "stop_worker": _stop,
    "stop_sink": _stop,
    "add_worker": _add_worker,
    "kill_kafka": _kill_kafka,
    "kill_clickhouse": _outage,
    "outage_clickhouse": _outage,
    "cut_clickhouse": _cut,
    "cut_kafka": _cut,
}
