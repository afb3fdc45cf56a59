"""The facts an event makes (SPEC §3 and §4). One method per row of the specification's table."""

from __future__ import annotations

from schemas.records import Channel, MetricFact, Survey
from schemas.times import EpochMs
from streams.fold.clocks import resolution_deadline, response_deadline, response_target
from streams.fold.events import LogEvent
from streams.fold.state import Episode, FoldState, Turn
from streams.sla.policies import PolicyBook
from streams.sla.policy import NO_POLICY

#: Bits of `Measure.moved`.
TURN, EPISODE = 1, 2


class Measure:
    """Makes the facts of one conversation and collects them in `facts`, in the order in which they were made.

    A later fact of the same `fact_id` takes the place of an earlier one.
    """

    __slots__ = ("answered_again", "backfilled", "book", "conversation_id", "facts", "moved", "state", "tenant")

    def __init__(self, tenant: str, conversation_id: str, book: PolicyBook, state: FoldState) -> None:
        self.tenant = tenant
        self.conversation_id = conversation_id
        self.book = book
        self.state = state
        self.facts: list[MetricFact] = []
        #: The latest answer of a survey was not its first.
        self.answered_again = False
        #: fact_ids of clocks that backfill started: they raise no alerts.
        self.backfilled: set[str] = set()
        #: Which clocks have started, stopped or moved: TURN, EPISODE or both.
        self.moved = 0

    def response(self, episode: Episode, turn: Turn, reply: LogEvent) -> None:
        """first_response or next_response, and its SLA: a human answered the open turn, whose clock has started."""
        clock, at_ms = turn.clock, reply.occurred_at
        if clock is None:
            return
        self._add(
            "first_response" if turn.is_first else "next_response",
            episode.number,
            str(turn.number),
            turn.channel,
            clock,
            at_ms,
            at_ms - clock,
            None,
            reply.actor_id,
            self._business_ms(turn.policy, clock, at_ms),
            turn.policy,
        )
        self._response_sla(episode, turn, at_ms, "met")

    def first_response_any(self, episode: Episode, turn: Turn, reply: LogEvent, outcome: str) -> None:
        """The episode's first turn whose wait for anyone has ended."""
        at_ms = reply.occurred_at
        self._add(
            "first_response_any",
            episode.number,
            "0",
            turn.channel,
            turn.started,
            at_ms,
            at_ms - turn.started,
            outcome,
            reply.actor_id,
            self._business_ms(turn.policy, turn.started, at_ms),
            turn.policy,
        )

    def response_clock_stopped(self, episode: Episode, turn: Turn, at_ms: EpochMs) -> None:
        """A turn ended without a human reply: by a bot's answer, a resolve or a merge."""
        self._response_sla(episode, turn, at_ms, "cancelled")

    def end(self, episode: Episode, ending: LogEvent) -> None:
        """Everything that is measured when an episode ends."""
        at_ms = ending.occurred_at
        outcome = "answered" if episode.human_replies else "bot" if episode.bot_replies else "unanswered"
        agent_id = ending.actor_id if ending.actor_kind == "human" else self.state.assignee
        lasted_ms = at_ms - episode.started
        business_ms = self._business_ms(episode.policy, episode.started, at_ms)
        paused_ms, paused_business_ms = self._paused(episode, at_ms)
        self._at_end(episode, "resolution", at_ms, lasted_ms, outcome, agent_id, business_ms)
        active_ms = lasted_ms - paused_ms
        active_business_ms = None if business_ms is None else business_ms - paused_business_ms
        self._at_end(episode, "active_resolution", at_ms, active_ms, outcome, agent_id, active_business_ms)
        self._full_resolution(episode, at_ms, outcome, agent_id)
        self._at_end(episode, "customer_wait", at_ms, episode.human_wait_ms, None, agent_id)
        if episode.bot_replies:
            handed_off = "handed_off" if episode.owner == "human" else "contained"
            self._at_end(episode, "bot_outcome", at_ms, None, handed_off, None)
        for assignee, open_ms in episode.assigned_open_ms.items():
            if open_ms > 0:
                self._at_end(episode, "handle_time", at_ms, open_ms, "assigned_open", assignee, None, assignee)
        self._resolution_sla(episode, at_ms, "met")

    def resolution_clock_cancelled(self, episode: Episode, at_ms: EpochMs) -> None:
        """The episode ended in a merge."""
        self._resolution_sla(episode, at_ms, "cancelled")

    def reopen(self, episode: Episode, event: LogEvent) -> None:
        """A done conversation begins another episode."""
        since, at_ms = self.state.done_since, event.occurred_at
        if since is not None:
            self._add("reopen", episode.number, "0", event.channel, since, at_ms, at_ms - since, None, None)

    def transfer(self, episode: Episode, event: LogEvent, outcome: str) -> None:
        """From one assignee to another, or else from one team to another."""
        at_ms, slot = event.occurred_at, str(episode.transfers)
        self._add("transfer", episode.number, slot, episode.channel, at_ms, at_ms, None, outcome, event.assignee_id)

    def call(self, event: LogEvent) -> None:
        """handle_time of a call that has ended."""
        if event.call is None:
            return
        at_ms, value_ms = event.occurred_at, event.call.handle_ms
        self._add(
            "handle_time",
            self.state.episodes,
            event.event_id,
            event.channel,
            at_ms - value_ms,
            at_ms,
            value_ms,
            "voice",
            event.actor_id if event.actor_kind == "human" else self.state.assignee,
        )

    def survey(self, event: LogEvent, survey: Survey, slot: str, episode: int) -> None:
        """An answer; a later one of the same survey takes its place."""
        at_ms, state = event.occurred_at, self.state
        self.facts.append(
            MetricFact(
                self.tenant,
                self._fact_id(episode, slot, survey.kind),
                survey.kind,
                self.conversation_id,
                episode,
                event.channel,
                1,
                False,
                None,
                survey.score,
                survey.min,
                survey.max,
                None,
                at_ms,
                at_ms,
                state.team,
                state.priority,
                state.assignee,
            )
        )

    def open_breaches(self, as_of_ms: EpochMs) -> None:
        """The clocks that are still open with their deadline before `as_of_ms`."""
        episode = self.state.episode
        if episode is None:
            return
        turn = episode.turn
        if turn is not None:
            deadline = response_deadline(turn, self.book)
            if deadline is not None and deadline < as_of_ms:
                self._response_clock(episode, turn, None, "breached", deadline)
        deadline = resolution_deadline(episode, self.book)
        if deadline is not None and deadline < as_of_ms:
            self._resolution_clock(episode, None, "breached", deadline)

    def _full_resolution(self, episode: Episode, at_ms: EpochMs, outcome: str, agent_id: str | None) -> None:
        started = self.state.first_started
        if started is None:
            return
        self._add(
            "full_resolution",
            0,
            "0",
            episode.channel,
            started,
            at_ms,
            at_ms - started,
            outcome,
            agent_id,
        )

    def _at_end(
        self,
        episode: Episode,
        metric: str,
        at_ms: EpochMs,
        value_ms: int | None,
        outcome: str | None,
        agent_id: str | None,
        business_ms: int | None = None,
        slot: str = "0",
    ) -> None:
        self._add(
            metric,
            episode.number,
            slot,
            episode.channel,
            episode.started,
            at_ms,
            value_ms,
            outcome,
            agent_id,
            business_ms,
            episode.policy,
        )

    def _response_sla(self, episode: Episode, turn: Turn, at_ms: EpochMs, outcome: str) -> None:
        if (
            turn.clock is None
            or turn.policy == NO_POLICY
            or response_target(turn) not in self.book[turn.policy].targets_ms
        ):
            return
        deadline = response_deadline(turn, self.book)
        late = deadline is not None and at_ms > deadline
        self._response_clock(episode, turn, at_ms, "breached" if late else outcome, deadline)

    def _response_clock(
        self, episode: Episode, turn: Turn, at_ms: EpochMs | None, outcome: str, deadline: EpochMs | None
    ) -> None:
        self._judged(
            f"sla_{response_target(turn)}",
            episode.number,
            str(turn.number),
            turn.channel,
            turn.policy,
            turn.clock,
            at_ms,
            outcome,
            deadline,
        )
        if turn.historical:
            self.backfilled.add(self.facts[-1].fact_id)

    def _resolution_sla(self, episode: Episode, at_ms: EpochMs, outcome: str) -> None:
        if episode.policy == NO_POLICY or "resolution" not in self.book[episode.policy].targets_ms:
            return
        deadline = resolution_deadline(episode, self.book)
        late = deadline is not None and at_ms > deadline
        self._resolution_clock(episode, at_ms, "breached" if late else outcome, deadline)

    def _resolution_clock(
        self, episode: Episode, at_ms: EpochMs | None, outcome: str, deadline: EpochMs | None
    ) -> None:
        self._judged(
            "sla_resolution",
            episode.number,
            "0",
            episode.channel,
            episode.policy,
            episode.started,
            at_ms,
            outcome,
            deadline,
        )
        if episode.historical:
            self.backfilled.add(self.facts[-1].fact_id)

    def _paused(self, episode: Episode, at_ms: EpochMs) -> tuple[int, int]:
        """Time pending or on hold, and how much of it was business time."""
        paused_ms = business_ms = 0
        for pause in episode.pauses:
            until = at_ms if pause.until is None else pause.until
            paused_ms += until - pause.since
            business_ms += self._business_ms(episode.policy, pause.since, until) or 0
        return paused_ms, business_ms

    def _business_ms(self, policy: int, start_ms: EpochMs, end_ms: EpochMs) -> int | None:
        if policy == NO_POLICY:
            return None
        rules = self.book[policy]
        calendar = rules.calendar
        return None if calendar is None else calendar.open_ms(start_ms, end_ms)

    def _add(  # noqa: PLR0917 - by position: compiled, that is a plain call
        self,
        metric: str,
        episode: int,
        slot: str,
        channel: Channel,
        started_at: EpochMs | None,
        ended_at: EpochMs | None,
        value_ms: int | None,
        outcome: str | None,
        agent_id: str | None,
        business_ms: int | None = None,
        judged_by: int = NO_POLICY,
    ) -> None:
        """A fact; `judged_by` is the policy whose calendar says what `business_ms` is."""
        state = self.state
        self.facts.append(
            # By position, in the order of the record's fields: by name it takes twice as long.
            MetricFact(
                self.tenant,
                self._fact_id(episode, slot, metric),
                metric,
                self.conversation_id,
                episode,
                channel,
                1,
                False,
                value_ms,
                None,
                None,
                None,
                outcome,
                started_at,
                ended_at,
                state.team,
                state.priority,
                agent_id,
                business_ms,
                None,
                None,
                # Where no calendar had a say in the numbers, nobody judged it.
                None if business_ms is None else self.book.version_names[judged_by],
            )
        )

    def _judged(  # noqa: PLR0917 - see `_add`
        self,
        metric: str,
        episode: int,
        slot: str,
        channel: Channel,
        policy: int,
        started_at: EpochMs | None,
        ended_at: EpochMs | None,
        outcome: str,
        deadline: EpochMs | None,
    ) -> None:
        """What became of a clock; `ended_at` is None while it is open."""
        state, book = self.state, self.book
        rules = book[policy]
        self.facts.append(
            MetricFact(
                self.tenant,
                self._fact_id(episode, slot, metric),
                metric,
                self.conversation_id,
                episode,
                channel,
                1,
                False,
                None if ended_at is None or started_at is None else ended_at - started_at,
                None,
                None,
                None,
                outcome,
                started_at,
                ended_at,
                state.team,
                state.priority,
                None,
                None,
                deadline,
                rules.name,
                book.version_names[policy],
            )
        )

    def _fact_id(self, episode: int, slot: str, metric: str) -> str:
        return f"{self.conversation_id}/{episode}/{slot}/{metric}"
