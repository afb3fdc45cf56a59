"""Polling mailboxes, against a server over real sockets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import msgspec
import pytest

from connectors import polled
from connectors.channels.base import Source
from connectors.channels.mail import MailOptions
from connectors.imap import ImapError, ImapPoller, ImapSettings
from connectors.marks import Outlet, StateError, StateFile
from schemas import fast
from schemas.errors import Refused, SupportpulseError
from schemas.records import DeadLetter, InteractionEvent
from schemas.times import parse
from schemas.wire import decode_dead_letter
from streams.replay import Replay
from streams.sla.policies import PolicyBook
from supportpulse.commands import imap as command
from supportpulse.commands.polling import KafkaOutlet
from tests.connectors.channels.mails import THREAD, message
from tests.connectors.gateway.kafka import everything, made
from tests.servers.imap import Box, ImapServer, serving
from tests.servers.plugin import Broker

NOW_MS = parse("2026-03-02T09:00:00Z")


class Kept:
    """An outlet that keeps what it is given, and what of it was there at the last flush."""

    def __init__(self) -> None:
        self.events: list[InteractionEvent] = []
        self.letters: list[DeadLetter] = []
        self.flushed = 0
        self.fail = False

    def publish(self, event: InteractionEvent) -> None:
        self.events.append(event)

    def park(self, letter: DeadLetter) -> None:
        self.letters.append(letter)

    def flush(self) -> None:
        if self.fail:
            raise RuntimeError("no broker")
        self.flushed = len(self.events)


@pytest.fixture
def server() -> Iterator[ImapServer]:
    with serving() as found:
        yield found


@pytest.fixture
def outlet() -> Kept:
    return Kept()


def poller(server: ImapServer, outlet: Outlet, folder: Path, password: str = "right", **more: object) -> ImapPoller:
    settings = ImapSettings("127.0.0.1", "help", password, server.port, tls=False, **more)  # type: ignore[arg-type]
    source = Source("mail", "acme", MailOptions(own=frozenset({"acme.example"})))
    return ImapPoller(settings, source, outlet, StateFile(folder / "state.json"), lambda: NOW_MS)


def test_what_is_new_is_read_once(server: ImapServer, outlet: Kept, tmp_path: Path) -> None:
    inbox = server.boxes["INBOX"]
    inbox.add(THREAD[0])
    assert poller(server, outlet, tmp_path).poll().events == 1
    assert poller(server, outlet, tmp_path).poll().read == 0
    inbox.add(THREAD[1])
    inbox.add(THREAD[3])
    report = poller(server, outlet, tmp_path).poll()
    assert (report.read, report.events) == (2, 2)
    assert [each.event_id for each in outlet.events] == ["m1@example.org", "a1@acme.example", "m2@example.org"]
    # What was there when we first looked is history; what came since is not.
    assert [each.historical for each in outlet.events] == [True, False, False]
    assert outlet.flushed == 3


def test_what_was_sent_answers_what_came(server: ImapServer, outlet: Kept, tmp_path: Path) -> None:
    server.boxes["Sent Mail"] = Box()
    server.boxes["INBOX"].add(THREAD[0])
    server.boxes["Sent Mail"].add(THREAD[1], "02-Mar-2026 08:30:05 +0000")
    poller(server, outlet, tmp_path, mailboxes=("INBOX", "Sent Mail")).poll()
    replay = Replay()
    for each in outlet.events:
        replay.add(each)
    facts = {fact.metric: fact.value_ms for fact in replay.facts(PolicyBook(()))}
    assert facts["first_response"] == 30 * 60_000


def test_a_mailbox_that_was_made_anew_is_read_again(server: ImapServer, outlet: Kept, tmp_path: Path) -> None:
    for raw in THREAD:
        server.boxes["INBOX"].add(raw)
    poller(server, outlet, tmp_path).poll()
    server.boxes["INBOX"] = Box(uidvalidity=2)
    server.boxes["INBOX"].add(THREAD[0])
    poller(server, outlet, tmp_path).poll()
    assert outlet.events[0].event_id == outlet.events[-1].event_id
    assert len(outlet.events) == len(THREAD) + 1


def test_an_empty_mailbox_is_remembered_as_empty(server: ImapServer, outlet: Kept, tmp_path: Path) -> None:
    poller(server, outlet, tmp_path).poll()
    server.boxes["INBOX"].add(THREAD[0])
    poller(server, outlet, tmp_path).poll()
    assert outlet.events[0].historical is False


def test_nothing_is_remembered_that_the_broker_does_not_have(server: ImapServer, outlet: Kept, tmp_path: Path) -> None:
    server.boxes["INBOX"].add(THREAD[0])
    outlet.fail = True
    with pytest.raises(RuntimeError):
        poller(server, outlet, tmp_path).poll()
    outlet.fail = False
    assert poller(server, outlet, tmp_path).poll().events == 1


def test_a_connection_that_breaks_is_taken_up_where_it_was(server: ImapServer, outlet: Kept, tmp_path: Path) -> None:
    server.boxes["INBOX"].add(THREAD[0])
    server.break_at = "UID FETCH"
    with pytest.raises(ImapError, match="broke off"):
        poller(server, outlet, tmp_path).poll()
    assert poller(server, outlet, tmp_path).poll().events == 1


@pytest.mark.parametrize("command", ["UID SEARCH", "UID FETCH"])
def test_a_server_that_will_not_now_is_asked_again(
    server: ImapServer, outlet: Kept, tmp_path: Path, command: str
) -> None:
    server.boxes["INBOX"].add(THREAD[0])
    server.refuse_at = command
    with pytest.raises(ImapError, match=r"answers NO to .*: poll again"):
        poller(server, outlet, tmp_path).poll()
    assert poller(server, outlet, tmp_path).poll().events == 1
    assert outlet.events[0].historical, "nothing was remembered of the poll that failed"


def test_a_message_that_is_gone_by_now_is_passed(server: ImapServer, outlet: Kept, tmp_path: Path) -> None:
    inbox = server.boxes["INBOX"]
    for raw in THREAD[:2]:
        inbox.add(raw)
    inbox.gone.add(1)
    assert poller(server, outlet, tmp_path).poll().events == 1


def test_history_that_took_two_polls_is_history_all_of_it(server: ImapServer, outlet: Kept, tmp_path: Path) -> None:
    inbox = server.boxes["INBOX"]
    for number in range(150):
        inbox.add(message(message_id=f"<m{number}@example.org>"))
    server.break_at = "UID FETCH 120 "
    with pytest.raises(ImapError, match="broke off"):
        poller(server, outlet, tmp_path).poll()
    inbox.add(message(message_id="<new@example.org>"))
    assert poller(server, outlet, tmp_path).poll().events == 51
    live = {each.event_id for each in outlet.events if not each.historical}
    assert live == {"new@example.org"}, "what was there when we first looked raises no alerts"


def test_what_cannot_be_read_is_parked_with_its_bytes(server: ImapServer, outlet: Kept, tmp_path: Path) -> None:
    bad = message(**{"from": ""})
    server.boxes["INBOX"].add(bad)
    server.boxes["INBOX"].add(message("X-Spam-Flag: YES", message_id="<s@x>"))
    server.boxes["INBOX"].add(THREAD[0])
    report = poller(server, outlet, tmp_path).poll()
    assert (report.read, report.events, report.ignored, report.parked) == (3, 1, 1, 1)
    (letter,) = outlet.letters
    assert (letter.original, letter.origin, letter.parked_at) == (bad, "imap/mail/INBOX", NOW_MS)
    assert b"right" not in (letter.key or b"")


def test_a_parked_mail_is_read_again_as_it_would_have_been(server: ImapServer, outlet: Kept, tmp_path: Path) -> None:
    server.boxes["INBOX"].add(message(**{"from": ""}, date=""))
    server.boxes["INBOX"].add(THREAD[1])
    poller(server, outlet, tmp_path).poll()
    (letter,), (event,) = outlet.letters, outlet.events
    with pytest.raises(Refused):
        polled.read_again(letter)
    # With our addresses, when it came, and that it was history: as if it could have been read.
    assert polled.read_again(msgspec.structs.replace(letter, original=THREAD[1])).events == [event]
    assert (event.actor_kind, event.historical) == ("human", True)
    with pytest.raises(Refused, match="earlier release"):
        polled.read_again(msgspec.structs.replace(letter, key=None))


def test_the_server_knows_best_when_a_message_came(server: ImapServer, outlet: Kept, tmp_path: Path) -> None:
    server.boxes["INBOX"].add(
        message(date="Wed, 01 Jan 3000 00:00:00 +0100", received=""), "02-Mar-2026 09:12:00 +0100"
    )
    poller(server, outlet, tmp_path).poll()
    assert outlet.events[0].occurred_at == parse("2026-03-02T08:12:00Z")


def test_nothing_in_the_mailbox_is_touched(server: ImapServer, outlet: Kept, tmp_path: Path) -> None:
    server.boxes["INBOX"].add(THREAD[0])
    poller(server, outlet, tmp_path).poll()
    words = {command.split(" ")[0] for command in server.commands}
    assert words <= {"CAPABILITY", "LOGIN", "EXAMINE", "UID", "LOGOUT"}
    assert all("PEEK" in command for command in server.commands if "FETCH" in command)


def test_only_the_beginning_of_a_large_message_is_fetched(server: ImapServer, outlet: Kept, tmp_path: Path) -> None:
    server.boxes["INBOX"].add(message(body="x" * 3_000_000))
    poller(server, outlet, tmp_path).poll()
    assert int(outlet.events[0].attributes["text_length"]) < 1_000_000


def test_a_wrong_password_says_so_without_it(server: ImapServer, outlet: Kept, tmp_path: Path) -> None:
    with pytest.raises(ImapError, match="does not let help in") as told:
        poller(server, outlet, tmp_path, password="hunter2").poll()
    assert "hunter2" not in str(told.value)
    assert "hunter2" not in repr(ImapSettings("h", "u", "hunter2"))


def test_a_mailbox_that_is_not_there(server: ImapServer, outlet: Kept, tmp_path: Path) -> None:
    with pytest.raises(ImapError, match="no mailbox 'Archive'"):
        poller(server, outlet, tmp_path, mailboxes=("Archive",)).poll()


def test_a_server_that_is_not_there(server: ImapServer, outlet: Kept, tmp_path: Path) -> None:
    server.server_close()
    with pytest.raises(ImapError, match="no IMAP server answers"):
        poller(server, outlet, tmp_path).poll()


def test_a_state_of_somebody_else(server: ImapServer, outlet: Kept, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("[1]")
    with pytest.raises(StateError, match="is no state"):
        poller(server, outlet, tmp_path).poll()


@pytest.mark.kafka
async def test_the_command_brings_mail_to_kafka(
    server: ImapServer,
    tansu: Broker,
    unique: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    topics = made(tansu.address, unique)
    monkeypatch.setattr(command, "Topics", lambda: topics)
    monkeypatch.setenv("MAIL_PASSWORD", "right")
    server.boxes["INBOX"].add(THREAD[0])
    server.boxes["INBOX"].add(message(**{"from": ""}))
    account = ImapSettings("127.0.0.1", "help", command.password("env:MAIL_PASSWORD"), server.port, tls=False)
    options = command.ImapOptions(
        account, "acme", "mail", frozenset({"acme.example"}), tmp_path / "s.json", tansu.address, 1.0, once=True
    )
    command.run(options)
    command.run(options)
    events = chain.from_iterable((await everything(tansu.address, topics.interactions, 1)).values())
    letters = chain.from_iterable((await everything(tansu.address, topics.dead_letters, 1)).values())
    assert [(each.event_id, each.tenant) for each in (fast.decode_event(value) for _, value in events)] == [
        ("m1@example.org", "acme")
    ]
    assert [decode_dead_letter(value).origin for _, value in letters] == ["imap/mail/INBOX"]


@pytest.mark.kafka
async def test_a_large_mail_that_cannot_be_read_does_not_hold_up_the_others(
    server: ImapServer, tansu: Broker, unique: Callable[[str], str], tmp_path: Path
) -> None:
    topics = made(tansu.address, unique)
    large = message(**{"from": ""}, body="x" * 1_200_000)
    server.boxes["INBOX"].add(large)
    server.boxes["INBOX"].add(THREAD[0])
    outlet = KafkaOutlet(tansu.address, topics, threading.Event())
    try:
        report = poller(server, outlet, tmp_path).poll()
    finally:
        outlet.close()
    assert (report.read, report.events, report.parked) == (2, 1, 1)
    letters = chain.from_iterable((await everything(tansu.address, topics.dead_letters, 1)).values())
    assert [decode_dead_letter(value).original for _, value in letters] == [large[:1_000_000]]


@pytest.mark.parametrize("reference", ["hunter2", "env:NOT_SET_ANYWHERE", "file:/not/there", "env:", ""])
def test_a_password_is_given_by_reference(reference: str) -> None:
    with pytest.raises(SupportpulseError) as told:
        command.password(reference)
    assert "hunter2" not in str(told.value)


def test_a_password_that_is_no_text_is_refused_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "password").write_bytes(b"hunter2\xff\n")
    with pytest.raises(SupportpulseError, match="no text in UTF-8") as told:
        command.password(f"file:{tmp_path}/password")
    assert "hunter2" not in str(told.value)
    assert told.value.__suppress_context__
