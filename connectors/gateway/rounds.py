"""Deliveries that came in the same turn of the event loop, taken a step at a time: all are verified, then all parsed, …

One after the other, from end to end, they take half as long again: by the time a step comes round, its code has left
the processor's nearest cache. A lone delivery waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog
from aiohttp import StreamReader
from aiohttp.http import RawRequestMessage

from connectors.channels.base import Delivery, Parsed
from connectors.gateway.answers import Answer, problem
from connectors.gateway.intake import Taken
from connectors.gateway.problems import Problem, unavailable
from connectors.gateway.publisher import NotPublished
from connectors.gateway.sources import Entry

log = structlog.get_logger()

#: More than this at a time, and what a step has read is cold again for the next one.
_AT_ONCE = 32
RETRY_AFTER_SECONDS = 5


class Visit:
    """A delivery on its way through the gateway, and who is told the answer. Each step leaves its result here."""

    __slots__ = ("answered", "began", "content", "delivery", "entry", "finish", "message", "parsed", "taken")

    delivery: Delivery
    parsed: Parsed
    taken: Taken
    #: Set where the request has not been opened yet: what aiohttp's parser made of it.
    message: RawRequestMessage | None
    content: StreamReader
    #: Where its answer goes, of a request that was taken without a task.
    finish: Callable[[Answer], None]

    def __init__(self, entry: Entry, answered: Callable[[Visit, Answer], None], began: float = 0.0) -> None:
        self.entry = entry
        self.answered = answered
        self.began = began
        self.message = None

    def end(self, answer: Answer) -> None:
        """It has its answer. Raises nothing."""
        try:
            self.answered(self, answer)
        # One that cannot be told must not be the end of the others of its round.
        except Exception as exc:
            vendor, source = self.entry.vendor, self.entry.source.name
            log.exception("not_answered", vendor=vendor, source=source, error=type(exc).__name__, exc_info=False)


#: What is done with a visit: an answer if that is the end of it. Raises `Problem` and `NotPublished`.
Step = Callable[[Visit], "Answer | None"]


class Rounds:
    """Takes visits through the steps, those of a turn together. The last step ends them, at once or later."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self._waiting: list[Visit] = []

    def enter(self, visit: Visit) -> None:
        """It is taken in this turn of the loop, after all that is ready to be read; its `end` is never before that."""
        self._waiting.append(visit)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._take)

    def _take(self) -> None:
        came, self._waiting = self._waiting, []
        for first in range(0, len(came), _AT_ONCE):
            visits = came[first : first + _AT_ONCE]
            for step in self._steps:
                visits = [visit for visit in visits if _goes_on(visit, step)]


def _goes_on(visit: Visit, step: Step) -> bool:
    try:
        answer = step(visit)
    except (Problem, NotPublished) as exc:
        answer = refusal(exc, visit.entry.vendor, visit.entry.source.name)
    # One request that cannot be answered must not be the end of the others.
    except Exception as exc:  # noqa: BLE001 - it is logged
        answer = failed(exc, visit.entry.vendor, visit.entry.source.name)
    if answer is None:
        return True
    visit.end(answer)
    return False


def refusal(why: Problem | NotPublished, vendor: str, source: str) -> Answer:
    """What a request is answered that was not taken."""
    if isinstance(why, Problem):
        return problem(why)
    log.warning("not_published", vendor=vendor, source=source, why=str(why))
    detail = "Kafka has not confirmed it, so nothing is promised: send the same again, repeats change nothing"
    return problem(unavailable(detail, RETRY_AFTER_SECONDS))


def failed(why: Exception, vendor: str, source: str) -> Answer:
    """What a request is answered that meets a mistake of ours. The text of an exception may hold what was sent."""
    log.error("request_failed", vendor=vendor, source=source, error=type(why).__name__)
    return problem(Problem(500, "the gateway failed at it: send it again, and look into its log"))
