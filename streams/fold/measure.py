"""The facts an event makes (SPEC §3 and §4). One method per row of the specification's table."""

from __future__ import annotations

from schemas.records import InteractionEvent, MetricFact, Survey
from schemas.times import EpochMs
from streams.fold.clocks import resolution_deadline, response_deadline
from streams.fold.state import Episode, FoldState, Turn
from streams.sla.policies import NO_POLICY, PolicyBook


class Measure:
    """Makes the facts of one conversation and collects them in `facts`, in the order in which they were made.

    A later fact of the same `fact_id` takes the place of an earlier one.
    """

    __slots__ = ("book", "conversation_id", "facts", "tenant")

    def __init__(self, tenant: str, conversation_id: str, book: PolicyBook) -> None:
        self.tenant = tenant
        self.conversation_id = conversation_id
        self.book = book
        self.facts: list[MetricFact] = []

    def response(self, state: FoldState, episode: Episode, turn: Turn, reply: InteractionEvent) -> None:
        """first_response or next_response, and its SLA: a human answered the open turn, whose clock has started."""
        clock, at_ms = turn.clock, reply.occurred_at
        if clock is None:
            return
        self.facts.append(
            MetricFact(
                tenant=self.tenant,
                fact_id=self._id(
                    episode.number, turn.number, "next_response" if episode.response_done else "first_response"
                ),
                metric="next_response" if episode.response_done else "first_response",
                conversation_id=self.conversation_id,
                episode=episode.number,
                value_ms=at_ms - clock,
                started_at=clock,
                ended_at=at_ms,
                channel=turn.channel,
                team=state.team,
                priority=state.priority,
                agent_id=reply.actor_id,
                business_ms=self._business_ms(turn.policy, clock, at_ms),
            )
        )
        self._response_sla(state, episode, turn, at_ms, "met")

    def first_response_any(
        self, state: FoldState, episode: Episode, turn: Turn, reply: InteractionEvent, outcome: str
    ) -> None:
        """The episode's first turn whose wait for anyone has ended."""
        at_ms = reply.occurred_at
        self.facts.append(
            MetricFact(
                tenant=self.tenant,
                fact_id=self._id(episode.number, 0, "first_response_any"),
                metric="first_response_any",
                conversation_id=self.conversation_id,
                episode=episode.number,
                value_ms=at_ms - turn.started,
                outcome=outcome,
                started_at=turn.started,
                ended_at=at_ms,
                channel=turn.channel,
                team=state.team,
                priority=state.priority,
                agent_id=reply.actor_id,
                business_ms=self._business_ms(turn.policy, turn.started, at_ms),
            )
        )

    def response_clock_stopped(self, state: FoldState, episode: Episode, turn: Turn, at_ms: EpochMs) -> None:
        """A turn ended without a human reply: by a bot's answer, a resolve or a merge."""
        self._response_sla(state, episode, turn, at_ms, "cancelled")

    def end(self, state: FoldState, episode: Episode, ending: InteractionEvent) -> None:
        """Everything that is measured when an episode ends."""
        at_ms = ending.occurred_at
        outcome = "answered" if episode.human_replies else "bot" if episode.bot_replies else "unanswered"
        agent_id = ending.actor_id if ending.actor_kind == "human" else state.assignee
        started, number = episode.started, episode.number
        paused_ms = sum((pause.until or at_ms) - pause.since for pause in episode.pauses)
        business_ms = self._business_ms(episode.policy, started, at_ms)
        active_business_ms = business_ms
        if business_ms is not None:
            for pause in episode.pauses:
                active_business_ms -= self._business_ms(episode.policy, pause.since, pause.until or at_ms) or 0
        add = self._episode_fact
        add(state, episode, "resolution", at_ms, at_ms - started, outcome, agent_id, business_ms)
        add(
            state,
            episode,
            "active_resolution",
            at_ms,
            at_ms - started - paused_ms,
            outcome,
            agent_id,
            active_business_ms,
        )
        self._full_resolution(state, episode, at_ms, outcome, agent_id)
        add(state, episode, "customer_wait", at_ms, episode.human_wait_ms, None, agent_id, None)
        if episode.bot_replies:
            handed_off = "handed_off" if episode.owner == "human" else "contained"
            add(state, episode, "bot_outcome", at_ms, None, handed_off, None, None)
        for assignee, open_ms in episode.assigned_open_ms.items():
            if open_ms > 0:
                add(state, episode, "handle_time", at_ms, open_ms, "assigned_open", assignee, None, slot=assignee)
        self._resolution_sla(state, episode, at_ms, "met")

    def resolution_clock_cancelled(self, state: FoldState, episode: Episode, at_ms: EpochMs) -> None:
        """The episode ended in a merge."""
        self._resolution_sla(state, episode, at_ms, "cancelled")

    def reopen(self, state: FoldState, episode: Episode, event: InteractionEvent) -> None:
        """A done conversation begins another episode."""
        since, at_ms = state.done_since, event.occurred_at
        if since is None:
            return
        self.facts.append(
            MetricFact(
                tenant=self.tenant,
                fact_id=self._id(episode.number, 0, "reopen"),
                metric="reopen",
                conversation_id=self.conversation_id,
                episode=episode.number,
                value_ms=at_ms - since,
                started_at=since,
                ended_at=at_ms,
                channel=event.channel,
                team=state.team,
                priority=state.priority,
            )
        )

    def transfer(self, state: FoldState, episode: Episode, event: InteractionEvent, outcome: str) -> None:
        """From one assignee to another, or else from one team to another."""
        at_ms = event.occurred_at
        self.facts.append(
            MetricFact(
                tenant=self.tenant,
                fact_id=self._id(episode.number, episode.transfers, "transfer"),
                metric="transfer",
                conversation_id=self.conversation_id,
                episode=episode.number,
                outcome=outcome,
                started_at=at_ms,
                ended_at=at_ms,
                channel=episode.channel,
                team=state.team,
                priority=state.priority,
                agent_id=event.assignee_id,
            )
        )

    def call(self, state: FoldState, event: InteractionEvent) -> None:
        """handle_time of a call that has ended."""
        if event.call is None:
            return
        at_ms, value_ms = event.occurred_at, event.call.handle_ms
        self.facts.append(
            MetricFact(
                tenant=self.tenant,
                fact_id=self._id(state.episodes, event.event_id, "handle_time"),
                metric="handle_time",
                conversation_id=self.conversation_id,
                episode=state.episodes,
                value_ms=value_ms,
                outcome="voice",
                started_at=at_ms - value_ms,
                ended_at=at_ms,
                channel=event.channel,
                team=state.team,
                priority=state.priority,
                agent_id=event.actor_id if event.actor_kind == "human" else state.assignee,
            )
        )

    def survey(self, state: FoldState, event: InteractionEvent, survey: Survey, slot: str, episode: int) -> None:
        """An answer; a later one of the same survey takes its place."""
        at_ms = event.occurred_at
        self.facts.append(
            MetricFact(
                tenant=self.tenant,
                fact_id=self._id(episode, slot, survey.kind),
                metric=survey.kind,
                conversation_id=self.conversation_id,
                episode=episode,
                score=survey.score,
                score_min=survey.min,
                score_max=survey.max,
                started_at=at_ms,
                ended_at=at_ms,
                channel=event.channel,
                team=state.team,
                priority=state.priority,
                agent_id=state.assignee,
            )
        )

    def open_breaches(self, state: FoldState, as_of_ms: EpochMs) -> None:
        """The clocks that are still open with their deadline before `as_of_ms`."""
        episode = state.episode
        if episode is None:
            return
        turn = episode.turn
        if turn is not None and turn.clock is not None:
            deadline = response_deadline(turn, self.book)
            if deadline is not None and deadline < as_of_ms:
                self._response_fact(state, episode, turn, None, "breached", deadline)
        deadline = resolution_deadline(episode, self.book)
        if deadline is not None and deadline < as_of_ms:
            self._resolution_fact(state, episode, None, "breached", deadline)

    def _full_resolution(
        self, state: FoldState, episode: Episode, at_ms: EpochMs, outcome: str, agent_id: str | None
    ) -> None:
        started = state.first_started
        if started is None:
            return
        self.facts.append(
            MetricFact(
                tenant=self.tenant,
                fact_id=self._id(0, 0, "full_resolution"),
                metric="full_resolution",
                conversation_id=self.conversation_id,
                episode=0,
                value_ms=at_ms - started,
                outcome=outcome,
                started_at=started,
                ended_at=at_ms,
                channel=episode.channel,
                team=state.team,
                priority=state.priority,
                agent_id=agent_id,
            )
        )

    def _episode_fact(
        self,
        state: FoldState,
        episode: Episode,
        metric: str,
        at_ms: EpochMs,
        value_ms: int | None,
        outcome: str | None,
        agent_id: str | None,
        business_ms: int | None,
        slot: str = "0",
    ) -> None:
        self.facts.append(
            MetricFact(
                tenant=self.tenant,
                fact_id=self._id(episode.number, slot, metric),
                metric=metric,
                conversation_id=self.conversation_id,
                episode=episode.number,
                value_ms=value_ms,
                outcome=outcome,
                started_at=episode.started,
                ended_at=at_ms,
                channel=episode.channel,
                team=state.team,
                priority=state.priority,
                agent_id=agent_id,
                business_ms=business_ms,
            )
        )

    def _response_sla(self, state: FoldState, episode: Episode, turn: Turn, at_ms: EpochMs, outcome: str) -> None:
        if turn.policy == NO_POLICY or turn.clock is None:
            return
        deadline = response_deadline(turn, self.book)
        if deadline is None:
            if _target(turn) not in self.book[turn.policy].targets_ms:
                return
        elif at_ms > deadline:
            outcome = "breached"
        self._response_fact(state, episode, turn, at_ms, outcome, deadline)

    def _response_fact(
        self,
        state: FoldState,
        episode: Episode,
        turn: Turn,
        at_ms: EpochMs | None,
        outcome: str,
        deadline: EpochMs | None,
    ) -> None:
        metric = f"sla_{_target(turn)}"
        clock = turn.clock
        self.facts.append(
            MetricFact(
                tenant=self.tenant,
                fact_id=self._id(episode.number, turn.number, metric),
                metric=metric,
                conversation_id=self.conversation_id,
                episode=episode.number,
                value_ms=None if at_ms is None or clock is None else at_ms - clock,
                outcome=outcome,
                started_at=clock,
                ended_at=at_ms,
                channel=turn.channel,
                team=state.team,
                priority=state.priority,
                deadline=deadline,
                policy=self.book[turn.policy].name,
            )
        )

    def _resolution_sla(self, state: FoldState, episode: Episode, at_ms: EpochMs, outcome: str) -> None:
        if episode.policy == NO_POLICY or "resolution" not in self.book[episode.policy].targets_ms:
            return
        deadline = resolution_deadline(episode, self.book)
        if deadline is not None and at_ms > deadline:
            outcome = "breached"
        self._resolution_fact(state, episode, at_ms, outcome, deadline)

    def _resolution_fact(
        self, state: FoldState, episode: Episode, at_ms: EpochMs | None, outcome: str, deadline: EpochMs | None
    ) -> None:
        self.facts.append(
            MetricFact(
                tenant=self.tenant,
                fact_id=self._id(episode.number, 0, "sla_resolution"),
                metric="sla_resolution",
                conversation_id=self.conversation_id,
                episode=episode.number,
                value_ms=None if at_ms is None else at_ms - episode.started,
                outcome=outcome,
                started_at=episode.started,
                ended_at=at_ms,
                channel=episode.channel,
                team=state.team,
                priority=state.priority,
                deadline=deadline,
                policy=self.book[episode.policy].name,
            )
        )

    def _business_ms(self, policy: int, start_ms: EpochMs, end_ms: EpochMs) -> int | None:
        if policy == NO_POLICY:
            return None
        calendar = self.book[policy].calendar
        return None if calendar is None else calendar.open_ms(start_ms, end_ms)

    def _id(self, episode: int, slot: int | str, metric: str) -> str:
        return f"{self.conversation_id}/{episode}/{slot}/{metric}"


def _target(turn: Turn) -> str:
    return "first_response" if turn.is_first else "next_response"
