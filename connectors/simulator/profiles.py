"""Who writes to whom in the simulation: tenants, their channels, teams and rhythm. All of it made up."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.records import Channel

HOURS_PER_DAY = 24

#: Relative number of new conversations per local hour.
OFFICE_HOURS = (1, 1, 1, 1, 1, 2, 4, 8, 16, 22, 24, 22, 18, 19, 21, 20, 18, 14, 9, 6, 5, 4, 3, 2)
ALL_DAY = (6, 4, 3, 2, 2, 3, 5, 8, 11, 13, 14, 14, 13, 13, 14, 15, 16, 17, 18, 19, 18, 15, 12, 9)


@dataclass(frozen=True, slots=True)
class Team:
    """People with one skill. `days` are the local weekdays they work, Monday is 0."""

    name: str
    #: What they are sent: `first` contacts, or what others transfer to them.
    takes_first: bool
    agents: int
    #: (first local hour, hour after the last); the agents are spread over the shifts in turn.
    shifts: tuple[tuple[int, int], ...]
    days: tuple[int, ...] = (0, 1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class TenantProfile:
    """One customer of ours, with customers of its own."""

    name: str
    timezone: str
    #: Of all conversations of the simulation; the shares are made to add up to one.
    share: float
    channels: tuple[tuple[Channel, float], ...]
    teams: tuple[Team, ...]
    languages: tuple[str, ...]
    #: How often a bot answers first, where the channel is live.
    bot_share: float
    hours: tuple[float, ...] = OFFICE_HOURS
    #: Relative number of new conversations per weekday, Monday first.
    weekdays: tuple[float, ...] = (1.25, 1.15, 1.1, 1.05, 1.0, 0.5, 0.4)
    customers: int = 20_000


_DAY_AND_EVENING = ((7, 15), (10, 18), (13, 21))
_EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)
_SUNDAY_TO_THURSDAY = (6, 0, 1, 2, 3)

TENANTS: tuple[TenantProfile, ...] = (
    TenantProfile(
        name="acme-retail",
        timezone="Europe/Berlin",
        share=0.4,
        channels=(
            ("email", 24),
            ("live_chat", 22),
            ("web_form", 10),
            ("whatsapp", 16),
            ("voice", 14),
            ("instagram", 7),
            ("messenger", 5),
            ("community", 2),
        ),
        teams=(
            Team("orders", True, 14, _DAY_AND_EVENING, (0, 1, 2, 3, 4, 5)),
            Team("returns", True, 8, ((8, 16), (10, 18))),
            Team("payments", False, 5, ((9, 17),)),
        ),
        languages=("de", "en", "fr", "pl"),
        bot_share=0.55,
    ),
    TenantProfile(
        name="noor-bank",
        timezone="Asia/Riyadh",
        share=0.25,
        channels=(("in_app", 34), ("voice", 28), ("sms", 10), ("whatsapp", 14), ("x", 8), ("email", 6)),
        teams=(
            Team("cards", True, 10, ((6, 14), (14, 22), (22, 6)), _EVERY_DAY),
            Team("accounts", True, 8, ((8, 16), (9, 17)), _SUNDAY_TO_THURSDAY),
            Team("fraud", False, 4, ((0, 12), (12, 24)), _EVERY_DAY),
        ),
        languages=("ar", "en"),
        bot_share=0.6,
        weekdays=(1.15, 1.1, 1.1, 1.05, 0.5, 0.5, 1.2),
    ),
    TenantProfile(
        name="fala-mobile",
        timezone="America/Sao_Paulo",
        share=0.25,
        channels=(
            ("whatsapp", 40),
            ("voice", 22),
            ("telegram", 10),
            ("messenger", 10),
            ("social", 8),
            ("sms", 6),
            ("line", 4),
        ),
        teams=(
            Team("network", True, 12, ((7, 15), (13, 21)), _EVERY_DAY),
            Team("billing", True, 8, ((8, 16), (10, 18)), (0, 1, 2, 3, 4, 5)),
            Team("retention", False, 4, ((9, 18),)),
        ),
        languages=("pt", "es"),
        bot_share=0.7,
        hours=ALL_DAY,
        weekdays=(1.1, 1.05, 1.0, 1.0, 1.0, 0.9, 0.8),
    ),
    TenantProfile(
        name="kite-cloud",
        timezone="America/New_York",
        share=0.1,
        channels=(("email", 34), ("in_app", 26), ("live_chat", 16), ("community", 14), ("other", 6), ("x", 4)),
        teams=(
            Team("support", True, 7, ((8, 16), (11, 19))),
            Team("engineering", False, 4, ((10, 18),)),
        ),
        languages=("en",),
        bot_share=0.3,
        weekdays=(1.3, 1.25, 1.2, 1.1, 1.0, 0.25, 0.2),
        customers=4_000,
    ),
)


@dataclass(frozen=True, slots=True)
class SimulationConfig:
    """What is simulated. The same config gives the same events, whenever and wherever it runs.

    `duplicate_share` of all arrivals are repeats, and `late_share` of all events arrive minutes to days after they
    happened; the others arrive within seconds, now and then out of order.
    """

    seed: int = 1
    tenants: tuple[TenantProfile, ...] = TENANTS
    #: Of all tenants together, on an average day.
    conversations_per_day: float = 5_000.0
    duplicate_share: float = 0.01
    late_share: float = 0.03
