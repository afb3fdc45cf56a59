"""The policies file: what it may say, and what a refusal says back."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from textwrap import dedent

import pytest

from schemas.times import parse as instant
from streams.sla import policy_file
from streams.sla.policies import PolicyBook, Subject
from streams.sla.policy import Policy
from streams.sla.policy_file import PolicyFileError
from tests.streams.shared import shared_file

NOW = instant("2026-03-10T12:00:00Z")

# The example of the contract.
EXAMPLE = """\
calendars:
  riyadh:
    timezone: Asia/Riyadh            # IANA
    hours: {sun: ["09:00-13:00", "14:00-18:00"], mon: ["20:00-06:00"], sat: ["00:00-24:00"]}
    holidays: ["2026-09-23"]         # no interval opens on this local date
policies:
  - name: chat
    match: {tenant: [acme], channel: [live_chat], team: [vip], priority: [urgent]}
    calendar: riyadh                 # none: the clock always runs
    targets: {first_response: 5m, next_response: 10m, resolution: 8h}
    pause_on: [pending]
    warn_at: [0.5, 0.75, 0.9]
    alert_grace: 0s
"""


def only_policy(text: str) -> Policy:
    book = policy_file.parse(dedent(text))
    assert len(book) == 1
    return book[0]


def test_the_example_of_the_contract_reads_as_it_says() -> None:
    chat = only_policy(EXAMPLE)
    assert chat.name == "chat"
    assert dict(chat.match) == {
        "tenant": frozenset({"acme"}),
        "channel": frozenset({"live_chat"}),
        "team": frozenset({"vip"}),
        "priority": frozenset({"urgent"}),
    }
    assert chat.targets_ms == {"first_response": 300_000, "next_response": 600_000, "resolution": 28_800_000}
    assert (chat.pause_on, chat.warn_at, chat.alert_grace_ms) == (frozenset({"pending"}), (0.5, 0.75, 0.9), 0)
    assert chat.calendar is not None
    assert chat.calendar.timezone == "Asia/Riyadh"
    assert chat.calendar.hours == {6: ((540, 780), (840, 1080)), 0: ((1200, 360),), 5: ((0, 1440),)}
    assert chat.calendar.holidays == frozenset({date(2026, 9, 23)})


def test_what_is_left_out_has_the_defaults_of_the_contract() -> None:
    plain = only_policy("policies: [{name: plain, targets: {resolution: 1d}}]")
    assert (plain.match, plain.calendar, plain.targets_ms) == ((), None, {"resolution": 86_400_000})
    assert (plain.pause_on, plain.warn_at, plain.alert_grace_ms) == (frozenset({"pending", "on_hold"}), (0.75, 0.9), 0)


def test_an_empty_list_is_not_the_default() -> None:
    stubborn = only_policy("policies: [{name: stubborn, targets: {}, pause_on: [], warn_at: []}]")
    assert (stubborn.pause_on, stubborn.warn_at, stubborn.targets_ms) == (frozenset(), (), {})


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("30s", 30_000),
        ("5m", 300_000),
        ("1.5h", 5_400_000),
        ("0.25d", 21_600_000),
        ("0s", 0),
        ("0.0005s", 0),
        ("2.5s", 2_500),
    ],
)
def test_durations_are_numbers_with_a_unit(text: str, milliseconds: int) -> None:
    policy = only_policy(f"policies: [{{name: p, targets: {{resolution: {text}}}}}]")
    assert policy.targets_ms["resolution"] == milliseconds


def test_shares_are_sorted_and_said_once() -> None:
    assert only_policy("policies: [{name: p, targets: {}, warn_at: [0.9, 0.5, 0.9]}]").warn_at == (0.5, 0.9)


def test_a_calendar_of_null_is_none() -> None:
    assert only_policy("policies: [{name: p, targets: {}, calendar: null}]").calendar is None


@pytest.mark.parametrize("since", ['"2026-04-01T00:00:00Z"', "2026-04-01T00:00:00Z", '"2026-04-01T03:00:00+03:00"'])
def test_a_further_document_is_another_version_whole_in_itself(since: str) -> None:
    text = f"""\
        policies: [{{name: old, targets: {{first_response: 1m}}}}]
        ---
        effective_from: {since}
        policies: [{{name: new, targets: {{first_response: 2m}}}}]
        """
    book = policy_file.parse(dedent(text))
    april, subject = instant("2026-04-01T00:00:00Z"), Subject("acme", "sms", None, None)
    assert [book[book.match(at_ms, subject)].name for at_ms in (april - 1, april)] == ["old", "new"]


def test_a_calendar_of_another_document_is_not_known() -> None:
    with pytest.raises(
        PolicyFileError, match=r"^policies:4: policies\[0\]\.calendar: there is no calendar 'utc' .* none"
    ):
        policy_file.parse(
            "calendars: {utc: {timezone: UTC, hours: {}}}\npolicies: []\n"
            "---\npolicies: [{name: p, targets: {}, calendar: utc}]\n"
        )


def test_an_empty_file_has_no_policies() -> None:
    assert len(policy_file.parse("")) == len(policy_file.parse("# nothing yet\n")) == 0


POLICY = "policies:\n  - name: p\n    targets: {resolution: 1h}\n"
CALENDAR = "calendars:\n  c:\n    timezone: UTC\n    hours: {mon: ['09:00-17:00']}\n"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        pytest.param("policies: [\n", 2, "not YAML", id="not YAML"),
        pytest.param("a: b\nc: \x00\n", 2, "not YAML", id="a character YAML does not allow"),
        pytest.param("\n- policies\n", 2, "expected a mapping", id="a list"),
        pytest.param("just text\n", 1, "expected a mapping", id="text"),
        pytest.param("calendars: {}\n", 1, "policies is missing", id="no policies"),
        pytest.param(
            POLICY + "rules: []\n", 4, "write one of effective_from, calendars, policies", id="unknown section"
        ),
        pytest.param("policies: {}\n", 1, "expected a list", id="policies not a list"),
        pytest.param(POLICY + "    name: again\n", 4, "is there twice", id="the same field twice"),
        pytest.param(
            POLICY + "  - name: p\n    targets: {}\n", 4, "a second policy named 'p'", id="the same name twice"
        ),
        pytest.param("policies:\n  - targets: {}\n", 2, "name is missing", id="no name"),
        pytest.param("policies:\n  - name: p\n", 2, "targets is missing", id="no targets"),
        pytest.param("policies:\n  - name: 5\n    targets: {}\n", 2, "expected text, got 5", id="a number for a name"),
        pytest.param("policies:\n  - name: ''\n    targets: {}\n", 2, "expected text", id="an empty name"),
        pytest.param(
            "policies:\n  - name: [p]\n    targets: {}\n", 2, "expected a single value", id="a list for a name"
        ),
        pytest.param(
            POLICY + "    match: {chanel: [sms]}\n", 4, "write one of tenant, channel, team, priority", id="match"
        ),
        pytest.param(POLICY + "    match: {channel: sms}\n", 4, "expected a list", id="match without a list"),
        pytest.param(POLICY + "    match: {team: [no]}\n", 4, "expected text, got False", id="YAML's no"),
        pytest.param(POLICY + "    calendar: c\n", 4, "it has: none", id="unknown calendar"),
        pytest.param(POLICY + "    pause_on: [open]\n", 4, "none of pending, on_hold", id="a status that cannot pause"),
        pytest.param(POLICY + "    pause_on: pending\n", 4, "expected a list", id="pause_on without a list"),
        pytest.param(POLICY + "    warn_at: [75]\n", 4, "between 0 and 1", id="percent for a share"),
        pytest.param(POLICY + "    warn_at: [true]\n", 4, "between 0 and 1", id="a truth for a share"),
        pytest.param(POLICY + "    warn_at: [.nan]\n", 4, "between 0 and 1", id="no number for a share"),
        pytest.param(POLICY + "    alert_grace: 30\n", 4, "like 5m or 1.5h", id="a duration without a unit"),
        pytest.param(POLICY + "    alert_grace: -5m\n", 4, "like 5m or 1.5h", id="a negative duration"),
        pytest.param(POLICY + "    alert_grace: 5 min\n", 4, "like 5m or 1.5h", id="a unit we do not know"),
        pytest.param(
            POLICY + "    alert_grace: 25h\n", 4, "alert_grace is at most 1d", id="a grace of more than a day"
        ),
        pytest.param(POLICY.replace("1h", "3651d"), 3, "target is at most 3650d", id="a target of more than ten years"),
        pytest.param(POLICY.replace("1h", f"1{'0' * 400}d"), 3, "at most 3650d", id="a target without end"),
        pytest.param(POLICY + "    warn: []\n", 4, "write one of name, match", id="unknown field of a policy"),
        pytest.param(
            "policies:\n  - name: p\n    targets:\n      reply: 5m\n", 4, "first_response, next", id="unknown target"
        ),
        pytest.param(
            "policies:\n  - name: p\n    targets: {resolution: soon}\n", 3, "'soon' is no duration", id="target"
        ),
        pytest.param(CALENDAR.replace("UTC", "Mars/Olympus") + POLICY, 3, "IANA time zone", id="unknown zone"),
        pytest.param(CALENDAR.replace("UTC", "../UTC") + POLICY, 3, "IANA time zone", id="a path for a zone"),
        pytest.param(CALENDAR.replace("UTC", "Europe") + POLICY, 3, "IANA time zone", id="a folder for a zone"),
        pytest.param(CALENDAR.replace("UTC", "3") + POLICY, 3, "expected text", id="a number for a zone"),
        pytest.param(CALENDAR.replace("mon", "monday") + POLICY, 4, "one of mon, tue", id="unknown weekday"),
        pytest.param(
            CALENDAR.replace("09:00-17:00", "9-17") + POLICY, 4, 'like "09:00-18:00"', id="hours without minutes"
        ),
        pytest.param(CALENDAR.replace("09:00-17:00", "09:00-24:30") + POLICY, 4, "00:00 to 24:00", id="past 24:00"),
        pytest.param(CALENDAR.replace("09:00-17:00", "24:00-06:00") + POLICY, 4, "before 24:00", id="begins at 24:00"),
        pytest.param(CALENDAR.replace("09:00-17:00", "09:60-17:00") + POLICY, 4, "00:00 to 24:00", id="60 minutes"),
        pytest.param(CALENDAR + "    holidays: [someday]\n" + POLICY, 5, "like 2026-09-23", id="no date"),
        pytest.param(CALENDAR + "    holidays: ['2026-02-30']\n" + POLICY, 5, "like 2026-09-23", id="30 February"),
        pytest.param(
            CALENDAR + "    holidays: [2026-02-30]\n" + POLICY, 5, "cannot be read", id="30 February, unquoted"
        ),
        pytest.param(
            CALENDAR + "    holidays: [2026-09-23 10:00:00]\n" + POLICY, 5, "no date", id="an instant for a date"
        ),
        pytest.param(CALENDAR + "    open: yes\n" + POLICY, 5, "one of timezone, hours, holidays", id="unknown field"),
        pytest.param("calendars: {c: {hours: {}}}\n" + POLICY, 1, "timezone is missing", id="no zone"),
        pytest.param("calendars: {c: {timezone: UTC}}\n" + POLICY, 1, "hours is missing", id="no hours"),
        pytest.param("effective_from: 2026-04-01\n" + POLICY, 1, "RFC 3339 with an offset", id="a date for an instant"),
        pytest.param(
            "effective_from: 2026-04-01T00:00:00\n" + POLICY, 1, "with an offset", id="an instant without offset"
        ),
        pytest.param(
            'effective_from: "9999-12-31T23:59:59-01:00"\n' + POLICY, 1, "outside of 1900 to 2299", id="after all time"
        ),
        pytest.param("effective_from: 0001-01-01T00:00:00Z\n" + POLICY, 1, "leave it out", id="before all time"),
        pytest.param(POLICY + "---\n" + POLICY + "extra: 1\n", 8, "write one of", id="in the second document"),
    ],
)
def test_a_refusal_names_file_and_line_and_what_to_write(text: str, line: int, says: str) -> None:
    with pytest.raises(PolicyFileError) as refusal:
        policy_file.parse(text, "sla/policies.yaml")
    assert str(refusal.value).startswith(f"sla/policies.yaml:{line}: ")
    assert says in str(refusal.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyFileError, match=r"policies\.yaml: cannot be read"):
        policy_file.load(tmp_path / "policies.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"policies: [] # caf\xe9\n")
    with pytest.raises(PolicyFileError, match=r"latin\.yaml: cannot be read"):
        policy_file.load(tmp_path / "latin.yaml")


def test_a_file_reads_as_its_text_does(tmp_path: Path) -> None:
    path = tmp_path / "policies.yaml"
    path.write_text(EXAMPLE, encoding="utf-8")
    assert policy_file.load(path)[0] == only_policy(EXAMPLE)


def test_the_policies_of_the_worked_cases_read() -> None:
    book: PolicyBook = policy_file.load(shared_file("conformance/policies.yaml"))
    assert book[book.match(NOW, Subject("acme", "sms", None, "urgent"))].name == "acme-urgent"
