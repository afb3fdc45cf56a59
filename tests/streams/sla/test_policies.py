"""Which policy a clock gets."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.times import parse
from streams.sla import policies
from streams.sla.calendars import Calendar
from streams.sla.policies import PolicyBook, Subject, deadline, running_ms
from streams.sla.policy import NO_POLICY, Policy, PolicyVersion

APRIL = parse("2026-04-01T00:00:00Z")
CHAT = Subject("acme", "live_chat", None, None)


def wants(name: str, **match: str) -> Policy:
    return Policy(name, tuple((word, frozenset(values.split())) for word, values in match.items()))


def chosen(book: PolicyBook, subject: Subject, at_ms: int = APRIL) -> str | None:
    number = book.match(at_ms, subject)
    return None if number == NO_POLICY else book[number].name


def test_the_first_match_in_the_order_of_the_file_wins() -> None:
    narrow, wide = wants("narrow", tenant="acme", channel="live_chat sms"), wants("wide")
    assert chosen(PolicyBook([PolicyVersion(None, (narrow, wide))]), CHAT) == "narrow"
    assert chosen(PolicyBook([PolicyVersion(None, (wide, narrow))]), CHAT) == "wide"


def test_every_word_given_must_contain_the_value() -> None:
    book = PolicyBook([PolicyVersion(None, (wants("vip", tenant="acme bank", channel="live_chat", team="vip gold"),))])
    assert chosen(book, CHAT._replace(team="gold")) == "vip"
    assert chosen(book, CHAT._replace(team="silver")) is None
    assert chosen(book, CHAT._replace(team="gold", tenant="shop")) is None
    assert chosen(book, CHAT._replace(team="gold", channel="sms")) is None


def test_what_was_not_said_matches_no_list() -> None:
    book = PolicyBook([PolicyVersion(None, (wants("team", team="None none"), wants("urgent", priority="urgent")))])
    assert chosen(book, CHAT) is None


def test_a_word_with_no_values_matches_nothing() -> None:
    assert chosen(PolicyBook([PolicyVersion(None, (wants("nobody", tenant=""),))]), CHAT) is None


def test_a_clock_is_judged_by_the_last_version_in_force_when_it_opened() -> None:
    versions = [
        PolicyVersion(APRIL, (wants("april"),)),
        PolicyVersion(None, (wants("ever"),)),
        PolicyVersion(APRIL + 1_000, (wants("later", tenant="bank"),)),
    ]
    book = PolicyBook(versions)
    assert chosen(book, CHAT, APRIL - 1) == "ever"
    assert chosen(book, CHAT, APRIL) == "april"
    assert chosen(book, CHAT, APRIL + 999) == "april"
    assert chosen(book, CHAT, APRIL + 1_000) is None, (
        "a version is whole in itself: an older one does not shine through"
    )


def test_before_the_first_version_there_is_no_policy() -> None:
    book = PolicyBook([PolicyVersion(APRIL, (wants("april"),))])
    assert book.match(APRIL - 1, CHAT) == NO_POLICY
    assert PolicyBook().match(APRIL, CHAT) == NO_POLICY


words = st.sampled_from(("a", "b", "c"))
subjects = st.builds(Subject, words, words, st.none() | words, st.none() | words)
matches = st.dictionaries(
    st.sampled_from(("tenant", "channel", "team", "priority")), st.frozensets(words, min_size=1), max_size=3
)
versions = st.lists(
    st.tuples(st.none() | st.integers(0, 5), st.lists(matches, max_size=4)),
    max_size=4,
    unique_by=lambda found: found[0],
)


@given(versions, st.lists(st.tuples(st.integers(-1, 6), subjects), max_size=12))
@settings(max_examples=100, deadline=None)
def test_answers_are_those_of_a_plain_search_however_often_and_in_whatever_order_it_is_asked(
    described: list[tuple[int | None, list[dict[str, frozenset[str]]]]], questions: list[tuple[int, Subject]]
) -> None:
    built = [
        PolicyVersion(since, tuple(Policy(f"{since}-{n}", tuple(match.items())) for n, match in enumerate(found)))
        for since, found in described
    ]
    book = PolicyBook(built)

    def plain(at_ms: int, subject: Subject) -> str | None:
        in_force = [version for version in built if version.effective_from is None or version.effective_from <= at_ms]
        if not in_force:
            return None
        last = max(in_force, key=lambda version: (version.effective_from is not None, version.effective_from or 0))
        fits = (p.name for p in last.policies if all(getattr(subject, word) in values for word, values in p.match))
        return next(fits, None)

    for _ in range(2):
        for at_ms, subject in questions:
            assert chosen(book, subject, at_ms) == plain(at_ms, subject)


def test_what_is_remembered_stays_bounded_and_right() -> None:
    book = PolicyBook([PolicyVersion(None, (wants("acme", tenant="acme"),))])
    # Tenants come from outside: more of them than may be remembered.
    for n in range(policies._REMEMBERED + 10):
        assert book.match(APRIL, Subject(f"t{n}", "sms", None, None)) == NO_POLICY
    assert len(book._remembered) <= policies._REMEMBERED
    assert chosen(book, CHAT) == "acme"


def test_without_a_calendar_the_clock_always_runs() -> None:
    policy = Policy("always")
    assert deadline(policy, APRIL, 5_000) == APRIL + 5_000
    assert running_ms(policy, APRIL, APRIL + 5_000) == 5_000
    assert running_ms(policy, APRIL, APRIL - 5_000) == 0


def test_with_a_calendar_the_clock_runs_while_it_is_open() -> None:
    policy = Policy("hours", calendar=Calendar("UTC", {2: ((60, 120),)}))  # APRIL is a Wednesday
    assert deadline(policy, APRIL, 5_000) == APRIL + 3_600_000 + 5_000
    assert running_ms(policy, APRIL, APRIL + 86_400_000) == 3_600_000
    assert deadline(Policy("never", calendar=Calendar("UTC", {})), APRIL, 1) is None
