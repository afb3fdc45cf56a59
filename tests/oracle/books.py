"""Policies that are awkward, and the instants about which histories have to be told for that to show."""

from __future__ import annotations

from typing import NamedTuple

from schemas.times import EpochMs, parse
from streams.sla import policy_file
from streams.sla.policies import PolicyBook
from tests.oracle.policies import Policies


class Setting(NamedTuple):
    """A policies file, read by both sides, and when something happens in it."""

    oracle: Policies
    product: PolicyBook
    begins: tuple[EpochMs, ...]
    #: How far apart things happen.
    step_ms: int


def setting(step_minutes: int, text: str, *begins: str) -> Setting:
    """Of the text of a policies file."""
    return Setting(Policies(text), policy_file.parse(text), tuple(map(parse, begins)), step_minutes * 60_000)


#: Short targets, no calendars: every clock runs out within a history, also exactly at its events. One version comes in
#: the middle of the first begin's histories; in the file it stands before the one that it follows.
SHORT = setting(
    1,
    """
policies:
  - name: chat
    match: {channel: [live_chat]}
    targets: {first_response: 2m, next_response: 1m, resolution: 8m}
    pause_on: [pending]
  - name: vip
    match: {team: [vip], priority: [urgent, high]}
    targets: {first_response: 0.5m, resolution: 4m}
    pause_on: [on_hold]
  - name: acme
    match: {tenant: [acme]}
    targets: {next_response: 90s, resolution: 0.1h}
---
effective_from: "2026-03-10T10:30:00Z"
policies:
  - name: chat
    targets: {resolution: 5m}
---
effective_from: 2026-03-10T09:12:00Z
policies:
  - name: never-paused
    match: {priority: [urgent]}
    targets: {first_response: 1m, next_response: 1m, resolution: 6m}
    pause_on: []
  - name: rest
    targets: {first_response: 3m, next_response: 2m, resolution: 10m}
""",
    "2026-03-10T09:00:00Z",
    "2026-03-10T10:25:00Z",
)

#: Nights in Berlin and offices in Riyadh, over holidays and the hours that are skipped and repeated.
NIGHTS = setting(
    15,
    """
calendars:
  berlin:
    timezone: Europe/Berlin
    hours:
      sat: ["20:00-02:30", "23:00-02:45"]
      sun: ["02:15-03:00", "03:00-03:20", "04:00-24:00"]
      mon: ["00:00-06:00", "09:00-09:30"]
    holidays: ["2026-03-30"]
  riyadh:
    timezone: Asia/Riyadh
    hours: {sat: ["08:00-08:00"], sun: ["09:00-13:00", "14:00-18:00"], mon: ["09:00-18:00"]}
    holidays: [2026-10-26]
  never: {timezone: UTC, hours: {}}
policies:
  - name: office
    match: {team: [vip]}
    calendar: riyadh
    targets: {first_response: 1h, next_response: 30m, resolution: 4h}
  - name: closed
    match: {priority: [low]}
    calendar: never
    targets: {first_response: 1m, resolution: 1m}
  - name: night
    calendar: berlin
    targets: {first_response: 30m, next_response: 15m, resolution: 2h}
    pause_on: [on_hold]
---
effective_from: 2026-10-25T01:00:00Z
calendars:
  berlin: {timezone: Europe/Berlin, hours: {sun: ["02:00-02:30", "02:45-05:00"], mon: ["00:00-24:00"]}}
policies:
  - {name: winter, calendar: berlin, targets: {first_response: 45m, next_response: 10m, resolution: 1.5h}}
""",
    "2026-03-29T00:00:00Z",
    "2026-03-28T18:00:00Z",
    "2026-10-24T23:30:00Z",
)

#: A day that was skipped, a midnight that was, and clocks that move by half an hour.
FAR = setting(
    15,
    """
calendars:
  apia:
    timezone: Pacific/Apia
    hours: {thu: ["08:00-17:00", "20:00-06:00"], fri: ["00:00-24:00"], sat: ["22:30-22:30"]}
  sao_paulo:
    timezone: America/Sao_Paulo
    hours: {sat: ["18:00-24:00", "20:00-00:30"], sun: ["00:00-01:00", "00:30-06:00"]}
  lord_howe: {timezone: Australia/Lord_Howe, hours: {sat: ["23:00-02:15"], sun: ["01:45-02:10", "02:20-02:40"]}}
policies:
  - {name: a, match: {priority: [urgent, high]}, calendar: apia, targets: {first_response: 1.5h, resolution: 5h}}
  - {name: b, match: {team: [vip]}, calendar: lord_howe, targets: {first_response: 10m, next_response: 6m}}
  - {name: c, calendar: sao_paulo, targets: {first_response: 20m, next_response: 30m, resolution: 2h}, pause_on: []}
""",
    "2011-12-30T09:00:00Z",
    "2018-11-04T02:00:00Z",
    "2026-04-04T14:00:00Z",
    "2026-10-03T14:30:00Z",
)
