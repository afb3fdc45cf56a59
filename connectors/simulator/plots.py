"""How simulated conversations go, by kind of channel. A plot writes a story from its first event to its last."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from connectors.simulator.story import BOT, DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Story
from schemas.records import Channel

Plot: TypeAlias = Callable[[Story, float], None]


def tell(story: Story, bot_share: float) -> None:
    """Writes the whole conversation. `bot_share` is how often a bot answers first, where it can."""
    plot = _PLOTS.get(story.channel, written)
    plot(story, bot_share)
    oddities(story)


def live(story: Story, bot_share: float) -> None:
    """Chats and messengers: minutes count, and a bot may be first."""
    if story.channel == "live_chat":
        story.starts()
        story.later(8 * SECOND_MS)
    story.customer()
    if story.chance(bot_share) and _bot_keeps_it(story):
        return
    _queue(story, 40 * SECOND_MS)
    if story.chance(0.05):
        _nobody_answers(story)
        return
    story.later(50 * SECOND_MS, 0.8)
    story.human()
    while story.chance(0.4):
        story.later(60 * SECOND_MS)
        story.customer()
        story.later(50 * SECOND_MS)
        story.human()
    if story.chance(0.07):
        _transfer(story, 3 * MINUTE_MS)
    _finish(story, 90 * SECOND_MS, survey_share=0.16)


def _bot_keeps_it(story: Story) -> bool:
    story.later(3 * SECOND_MS)
    story.bot()
    if story.chance(0.35):
        story.later(40 * SECOND_MS)
        story.customer()
        story.later(3 * SECOND_MS)
        story.bot()
    if story.chance(0.4):
        story.later(10 * MINUTE_MS)
        story.status("resolved", "bot")
        if story.chance(0.08):
            story.later(5 * MINUTE_MS)
            story.survey()
        return True
    story.later(20 * SECOND_MS)
    story.say("handoff_requested", "bot", BOT, team=story.roster.team.name)
    return False


def voice(story: Story, _bot_share: float) -> None:
    """Calls: answered within the minute, or missed."""
    story.starts()
    if story.roster.wait_ms(story.local_ms) or story.chance(0.07):
        story.later(70 * SECOND_MS)
        if story.chance(0.6):
            story.status("closed", "system")
            return
        # A missed call that is called back.
        story.at_work()
        story.later(25 * MINUTE_MS)
    story.later(9 * SECOND_MS, 0.9)
    story.assign()
    story.later(12 * SECOND_MS, 0.9)
    story.say("call_answered", "human", story.agent_id)
    story.call_ends()
    if story.chance(0.5):
        story.later(MINUTE_MS)
        story.note()
    if story.chance(0.12):
        _transfer(story, 20 * MINUTE_MS)
    _finish(story, 2 * MINUTE_MS, survey_share=0.2)


def written(story: Story, _bot_share: float) -> None:
    """Mail, forms and public posts: hours count."""
    if story.channel == "web_form":
        story.starts()
    else:
        story.customer()
    if story.chance(0.3):
        story.later(6 * SECOND_MS)
        story.say("message", "system", None, automated=True)
    _queue(story, 12 * MINUTE_MS)
    if story.chance(0.06):
        _nobody_answers(story)
        return
    story.later(50 * MINUTE_MS, 1.0)
    story.at_work()
    story.human()
    if story.chance(0.05):
        story.later(4 * SECOND_MS)
        # The customer's out-of-office.
        story.customer(automated=True)
    if story.chance(0.25):
        _waits_for_customer(story)
    if story.chance(0.1):
        _transfer(story, 2 * HOUR_MS)
    _finish(story, 25 * MINUTE_MS, survey_share=0.07)


def _waits_for_customer(story: Story) -> None:
    story.later(20 * SECOND_MS)
    story.status("pending")
    story.later(5 * HOUR_MS, 1.0)
    story.customer()
    story.later(HOUR_MS)
    story.at_work()
    story.human()


def _queue(story: Story, typical_ms: int) -> None:
    story.later(typical_ms, 0.9)
    story.at_work()
    story.assign()


def _transfer(story: Story, typical_ms: int) -> None:
    """To a second line, or to a colleague where there is none."""
    story.later(typical_ms)
    if story.chance(0.5):
        story.note()
        story.later(20 * SECOND_MS)
    others = story.staff.second
    story.assign(others[int(story.random.random() * len(others))] if others else None)
    if story.chance(0.3):
        story.later(MINUTE_MS)
        story.status("on_hold")
        story.later(3 * HOUR_MS)
        story.status("open")
    story.later(typical_ms)
    story.at_work()
    story.human()


def _nobody_answers(story: Story) -> None:
    """Half of them are cleared away in the end; the others stay open for good."""
    if story.chance(0.4):
        story.later(HOUR_MS)
        story.customer()
    if story.chance(0.5):
        story.later(2 * DAY_MS, 0.2)
        story.status("closed", "system")


def _finish(story: Story, typical_ms: int, *, survey_share: float) -> None:
    story.later(typical_ms)
    story.at_work()
    if story.chance(0.04):
        # Forgotten by everyone.
        return
    story.status("resolved")
    if story.chance(0.15):
        story.later(2 * MINUTE_MS, 1.0)
        story.customer(ack=True)
    if story.chance(survey_share):
        story.later(12 * MINUTE_MS, 1.2)
        story.survey()
    if story.chance(0.06):
        _reopens(story)
    if story.chance(0.2):
        story.later(2 * DAY_MS, 0.2)
        story.status("closed", "system")


def _reopens(story: Story) -> None:
    story.later(9 * HOUR_MS, 1.0)
    story.customer()
    story.later(30 * MINUTE_MS)
    story.at_work()
    story.human()
    story.later(15 * MINUTE_MS)
    story.status("resolved")


def oddities(story: Story) -> None:
    """What happens to a few of all conversations: junk, merged with another, erased."""
    draw = story.random.random()
    if draw > 0.013:
        return
    story.later(3 * HOUR_MS)
    if draw < 0.007:
        story.status("spam", "system")
    elif draw < 0.0115:
        story.say("merged", "system", None, merged_into=f"{story.events[0].conversation_id}-other")
    else:
        story.say("deleted", "system", None)


_LIVE: tuple[Channel, ...] = ("live_chat", "in_app", "whatsapp", "messenger", "instagram", "telegram", "line", "sms")
_PLOTS: dict[Channel, Plot] = {"voice": voice, **dict.fromkeys(_LIVE, live)}
