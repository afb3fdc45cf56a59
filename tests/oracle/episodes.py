"""A conversation cut into its episodes and turns."""

from __future__ import annotations

from typing import Literal

from schemas.records import Status
from tests.oracle.episode import Episode, Turn
from tests.oracle.moments import Moment
from tests.oracle.policies import Policies
from tests.oracle.words import begins_an_episode, is_bot_reply, is_contact, is_done, is_human_reply, says_working


class Conversation:
    """Everything that happened in it, moment after moment."""

    def __init__(self, moments: list[Moment], policies: Policies) -> None:
        self.moments = moments
        self.episodes: list[Episode] = []
        #: Calls that ended and surveys that were answered, and the number of the episode then: 0 before the first.
        self.asides: list[tuple[Moment, int]] = []
        #: What made it done; None: it is not.
        self.done: Moment | None = None
        self._policies = policies
        for moment in moments:
            self._happens(moment)

    @property
    def episode(self) -> Episode | None:
        """The open one."""
        return self.episodes[-1] if self.episodes and self.episodes[-1].ended is None else None

    def _happens(self, moment: Moment) -> None:
        event = moment.event
        episode = self.episode
        if episode is None and begins_an_episode(event, self.done is not None):
            episode = self._begin(moment)
        if event.type in ("call_ended", "survey_answered"):
            self.asides.append((moment, len(self.episodes)))
        if episode is not None:
            self._moves(episode, moment)
        if is_done(event) and self.done is None:
            self.done = moment

    def _begin(self, moment: Moment) -> Episode:
        at_ms = moment.at_ms
        episode = Episode(
            number=len(self.episodes) + 1,
            opened=moment,
            policy=self._policies.match(at_ms, moment.words),
            reopens=self.done,
            statuses=[(at_ms, "open")],
            assignees=[(at_ms, moment.assignee)],
        )
        self.episodes.append(episode)
        self.done = None
        return episode

    def _moves(self, episode: Episode, moment: Moment) -> None:
        event = moment.event
        if is_contact(event):
            self._contact(episode, moment)
        elif is_bot_reply(event):
            self._bot_reply(episode, moment)
        elif is_human_reply(event):
            self._human_reply(episode, moment)
        elif event.type == "handoff_requested":
            self._hand_off(episode, moment)
        elif event.type == "assigned":
            self._assigned(episode, moment)
        elif says_working(event) and event.status is not None:
            self._becomes(episode, moment, event.status)
        elif is_done(event) or event.type == "merged":
            self._ends(episode, moment)

    def _contact(self, episode: Episode, moment: Moment) -> None:
        """Whoever waits already goes on waiting since then. While the bot is in charge, nobody waits for a human."""
        self._becomes(episode, moment, "open")
        if episode.turn is None:
            turn = self._open_turn(episode, moment)
            turn.human_since = None if episode.owner == "bot" else moment.at_ms

    def _bot_reply(self, episode: Episode, moment: Moment) -> None:
        """An answer; one that satisfies only where no human is in charge."""
        episode.bot_replied = True
        episode.owner = episode.owner or "bot"
        turn = episode.turn
        if turn is not None:
            _anyone_answers(turn, moment)
            if episode.owner == "bot":
                _end_turn(turn, moment, "bot")

    def _human_reply(self, episode: Episode, moment: Moment) -> None:
        """The answer that is waited for. Who did not wait for a human until then did so since the turn opened."""
        episode.human_replied = True
        episode.owner = "human"
        turn = episode.turn
        if turn is not None:
            if turn.human_since is None:
                turn.human_since = turn.opened.at_ms
            _anyone_answers(turn, moment)
            _end_turn(turn, moment, "human")

    def _hand_off(self, episode: Episode, moment: Moment) -> None:
        """Nobody is to be answered by just anyone: a human has to come, and the customer waits for one from now on."""
        if episode.owner == "human":
            return
        if episode.turn is None:
            turn = self._open_turn(episode, moment)
            turn.human_since = moment.at_ms
            turn.anyone_over = True
        _human_takes_over(episode, moment)

    def _assigned(self, episode: Episode, moment: Moment) -> None:
        """From one to another is a transfer, of agents before teams. To somebody, it makes a human the owner."""
        event = moment.event
        episode.assignees.append((moment.at_ms, event.assignee_id))
        if None not in (moment.assignee_before, moment.assignee) and moment.assignee_before != moment.assignee:
            episode.transfers.append((moment, "agent"))
        elif None not in (moment.team_before, moment.team) and moment.team_before != moment.team:
            episode.transfers.append((moment, "team"))
        if event.assignee_id is not None and episode.owner != "human":
            _human_takes_over(episode, moment)

    def _becomes(self, episode: Episode, moment: Moment, status: Status) -> None:
        episode.statuses.append((moment.at_ms, status))

    def _ends(self, episode: Episode, moment: Moment) -> None:
        """Resolved, closed or merged; whoever waits is not answered any more."""
        if episode.turn is not None:
            _end_turn(episode.turn, moment, "end")
        episode.ended = moment
        episode.merged = moment.event.type == "merged"

    def _open_turn(self, episode: Episode, moment: Moment) -> Turn:
        turn = Turn(
            number=len(episode.turns) + 1,
            opened=moment,
            policy=self._policies.match(moment.at_ms, moment.words),
            is_later=any(turn.ended_by == "human" for turn in episode.turns),
            human_since=None,
        )
        episode.turns.append(turn)
        return turn


def _anyone_answers(turn: Turn, moment: Moment) -> None:
    if not turn.anyone_over:
        turn.anyone_over = True
        turn.anyone = moment


def _end_turn(turn: Turn, moment: Moment, by: Literal["human", "bot", "end"]) -> None:
    turn.ended, turn.ended_by = moment, by


def _human_takes_over(episode: Episode, moment: Moment) -> None:
    """Who waited for the bot waits for a human now; who waited for somebody, whoever it is, goes on."""
    if episode.owner == "bot" and episode.turn is not None:
        episode.turn.human_since = moment.at_ms
    episode.owner = "human"
