"""One simulated conversation as it is being written: a moment that moves on, and the events so far."""

from __future__ import annotations

from math import log
from random import Random
from typing import Any

from connectors.simulator.profiles import TenantProfile
from connectors.simulator.staff import Roster, Staff
from schemas.records import ActorKind, Call, Channel, EventType, InteractionEvent, Priority, Status, Survey
from schemas.times import EpochMs

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

SOURCE = "simulator"
BOT = "helper-bot"

#: Of a hundred conversations, this many begin with a priority said; the others say none.
_PRIORITIES: tuple[Priority | None, ...] = (*("urgent",) * 5, *("high",) * 12, *("normal",) * 40, *("low",) * 8) + (
    None,
) * 35


class Story:
    """Steps take place at `at_ms`, which `later` moves on. `local_ms` is the same moment on the tenant's clock."""

    __slots__ = (
        "_conversation_id",
        "_customer_id",
        "_language",
        "_offset_ms",
        "_priority",
        "_tenant",
        "agent_id",
        "at_ms",
        "channel",
        "events",
        "random",
        "roster",
        "staff",
    )

    def __init__(
        self,
        *,
        tenant: TenantProfile,
        staff: Staff,
        random: Random,
        channel: Channel,
        conversation_id: str,
        at_ms: EpochMs,
        offset_ms: int,
    ) -> None:
        self.events: list[InteractionEvent] = []
        self.random = random
        self.staff = staff
        self.agent_id: str | None = None
        self.channel: Channel = channel
        self.at_ms = at_ms
        self._tenant = tenant.name
        self._offset_ms = offset_ms
        teams = staff.taking(self.local_ms)
        self.roster: Roster = teams[int(random.random() * len(teams))]
        self._conversation_id = conversation_id
        self._customer_id = f"customer-{int(random.random() * tenant.customers):05d}"
        self._priority = _PRIORITIES[int(random.random() * len(_PRIORITIES))]
        self._language: str | None = tenant.languages[int(random.random() ** 2 * len(tenant.languages))]

    @property
    def local_ms(self) -> EpochMs:
        """Now, on the tenant's clock."""
        return self.at_ms + self._offset_ms

    def chance(self, share: float) -> bool:
        """True with this probability."""
        return self.random.random() < share

    def later(self, typical_ms: int, spread: float = 0.6) -> None:
        """Moves on by about `typical_ms`: the median of a log-normal."""
        self.at_ms += 1 + int(self.random.lognormvariate(log(typical_ms), spread))

    def at_work(self) -> None:
        """Moves on to when somebody of the team is there."""
        wait_ms = self.roster.wait_ms(self.local_ms)
        if wait_ms:
            self.at_ms += wait_ms + int(self.random.random() * 45 * MINUTE_MS)

    def say(self, kind: EventType, actor: ActorKind, actor_id: str | None, **fields: Any) -> None:
        """Writes down one event. Priority and language are said once, with the first."""
        self.events.append(
            InteractionEvent(
                event_id=f"{self._conversation_id}-{len(self.events)}",
                tenant=self._tenant,
                source=SOURCE,
                channel=self.channel,
                type=kind,
                occurred_at=self.at_ms,
                conversation_id=self._conversation_id,
                customer_id=self._customer_id,
                actor_kind=actor,
                actor_id=actor_id,
                priority=self._priority,
                language=self._language,
                **fields,
            )
        )
        self._priority = self._language = None

    def customer(self, **fields: Any) -> None:
        """A message from the customer."""
        self.say("message", "customer", self._customer_id, **fields)

    def starts(self) -> None:
        """The customer opens the conversation without a message: a form, a call, a chat window."""
        self.say("conversation_started", "customer", self._customer_id)

    def bot(self) -> None:
        """A message from the bot."""
        self.say("message", "bot", BOT)

    def assign(self, roster: Roster | None = None) -> None:
        """Somebody at work takes it; with `roster`, somebody of that team."""
        self.roster = roster or self.roster
        self.agent_id = self.roster.agent(self.random, self.local_ms)
        self.say("assigned", "system", None, assignee_id=self.agent_id, team=self.roster.team.name)

    def human(self, **fields: Any) -> None:
        """A message from the assigned agent."""
        self.say("message", "human", self.agent_id, **fields)

    def note(self) -> None:
        """The agent writes something down for colleagues."""
        self.say("note", "human", self.agent_id)

    def status(self, status: Status, actor: ActorKind = "human") -> None:
        """Somebody changes the status."""
        actor_id = self.agent_id if actor == "human" else BOT if actor == "bot" else None
        self.say("status_changed", actor, actor_id, status=status)

    def call_ends(self) -> None:
        """The agent hangs up after a talk, and writes it up."""
        talk_seconds = round(self.random.lognormvariate(log(210), 0.7), 1)
        hold_seconds = round(self.random.random() * 90, 1) if self.chance(0.3) else 0.0
        self.at_ms += int((talk_seconds + hold_seconds) * SECOND_MS)
        wrap_seconds = round(15 + self.random.random() * 60, 1)
        self.say("call_ended", "human", self.agent_id, call=Call(talk_seconds, hold_seconds, wrap_seconds))

    def survey(self) -> None:
        """The customer answers: mostly CSAT, sometimes NPS or CES."""
        draw, mood = self.random.random(), self.random.random()
        name = f"{self._conversation_id}-survey"
        if draw < 0.7:
            answer = Survey("csat", 1.0 + int(5 * mood**0.4), 1.0, 5.0, name)
        elif draw < 0.9:
            answer = Survey("nps", float(int(11 * mood**0.5)), 0.0, 10.0, name)
        else:
            answer = Survey("ces", 1.0 + int(7 * mood**2), 1.0, 7.0, name)
        self.say("survey_answered", "customer", self._customer_id, survey=answer)
