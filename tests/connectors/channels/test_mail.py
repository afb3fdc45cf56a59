"""What a message is, and what SendGrid, Postmark and Mailgun make of it."""

from __future__ import annotations

import base64
import dataclasses
from urllib.parse import urlencode

import pytest

from connectors.channels.base import Delivery, Parsed, Source, Unverified
from connectors.channels.forms import form_fields
from connectors.channels.mail import Mail, MailOptions, read_mail, tell
from connectors.channels.mailgun import MailgunOptions
from schemas.errors import InvalidEvent, MalformedRecord, Refused
from schemas.records import InteractionEvent
from schemas.times import parse
from tests.connectors.channels.case import RECEIVED_MS, SECRET, Sample, VendorCase
from tests.connectors.channels.folding import facts_of
from tests.connectors.channels.mails import ANSWER, THREAD, message
from tests.connectors.channels.vendors import mailgun, postmark, sendgrid

OWN = MailOptions(own=frozenset({"acme.example"}))


def told(raw: bytes | Mail, options: MailOptions = OWN) -> InteractionEvent:
    """The event of one message."""
    parsed = Parsed()
    mail = raw if isinstance(raw, Mail) else read_mail(raw)
    tell(mail, Delivery("POST", "u", {}, b"", RECEIVED_MS), Source("mail", "acme", options), parsed)
    (only,) = parsed.events
    return only


def test_a_question_by_mail() -> None:
    assert told(message()) == InteractionEvent(
        event_id="m1@example.org",
        tenant="acme",
        source="mail",
        channel="email",
        type="message",
        occurred_at=parse("2026-03-02T08:00:00Z"),
        ingested_at=RECEIVED_MS,
        conversation_id="m1@example.org",
        customer_id="asker@example.org",
        actor_kind="customer",
        actor_id="asker@example.org",
        attributes={"text_length": "18"},
    )


def test_what_our_domain_writes_is_a_reply_to_the_customer() -> None:
    reply = told(ANSWER)
    assert (reply.actor_kind, reply.actor_id, reply.customer_id) == ("human", "help@acme.example", "asker@example.org")
    assert reply.conversation_id == "m1@example.org"
    stranger = told(ANSWER, MailOptions(own=frozenset({"other.example"})))
    assert stranger.actor_kind == "customer"


@pytest.mark.parametrize("written", ["help@acme.example", "Help@Acme.example", "acme.example", " @ACME.example"])
def test_what_is_ours_may_be_written_as_people_write_it(written: str) -> None:
    assert told(ANSWER, MailOptions(own=frozenset({written}))).actor_kind == "human"


@pytest.mark.parametrize("case", [sendgrid.CASE, mailgun.CASE], ids=lambda each: each.connector.vendor)
def test_a_thread_gives_its_response_time(case: VendorCase) -> None:
    facts = facts_of(case, case.samples[: len(THREAD)])
    assert [(each.metric, each.value_ms) for each in facts if each.metric == "first_response"] == [
        ("first_response", 30 * 60_000)
    ]


def test_postmark_gives_the_same() -> None:
    (fact,) = [each for each in facts_of(postmark.CASE, postmark.STORY) if each.metric == "first_response"]
    assert fact.value_ms == 30 * 60_000


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"auto_submitted": "auto-generated"}, "auto_submitted"),
        ({"auto_submitted": "auto-replied (vacation)"}, "auto_submitted"),
        ({"precedence": "bulk"}, "precedence"),
        ({"return_path": "<>"}, "empty_return_path"),
        ({"content_type": "multipart/report; report-type=delivery-status; boundary=x"}, "report"),
        ({"x_autoreply": "yes"}, "machine_field"),
        ({"list_unsubscribe": "<mailto:off@example.org>"}, "campaign"),
        ({"subject": "=?utf-8?q?R=C3=A9ponse_automatique_:_Broken?="}, "absence"),
        ({"subject": "Automatic reply: Broken"}, "absence"),
        ({"from": "MAILER-DAEMON@example.org"}, "sender"),
        ({"from": "No-Reply <no-reply@example.org>"}, "sender"),
        ({"x_failed_recipients": "asker@example.org"}, "machine_field"),
        ({"content_type": "text/calendar; method=REPLY; charset=utf-8"}, "calendar"),
        (
            {
                "content_type": "multipart/mixed; boundary=b",
                "body": "--b\r\nContent-Type: text/calendar; method=reply\r\n\r\nx\r\n--b--",
            },
            "calendar",
        ),
    ],
)
def test_nobody_typed_this(fields: dict[str, str], why: str) -> None:
    found = told(message(**fields))
    assert (found.automated, found.attributes["automated_because"]) == (True, why)


@pytest.mark.parametrize(
    "fields",
    [
        {"auto_submitted": "no"},
        {"auto_submitted": "No (typed)"},
        {"precedence": "list"},
        {"return_path": "<asker@example.org>"},
        {"list_unsubscribe": "<u>", "list_post": "<mailto:support@acme.example>"},
        {"subject": "Outage of the office line"},
        {"from": "noreen@example.org"},
        {"feedback_id": "1:2:3:SomeService"},
        {"subject": "Automobile: broken"},
        {"subject": "Auto: broken"},
        {"content_type": "text/calendar; method=REQUEST"},
        {"content_type": "text/calendar; method*=utf-8''REQUEST"},
    ],
)
def test_somebody_typed_this(fields: dict[str, str]) -> None:
    assert told(message(**fields)).automated is False


@pytest.mark.parametrize(
    "subject",
    [
        "Out of the office: Re: Broken",
        "[Auto-Reply] Broken",
        "AUTO: A. Person is out of the office (returns 03/04/2026)",
        "Réponse automatique : Broken",
        "Respuesta automática: Broken",
        "Risposta automatica: Broken",
        "Automatisch antwoord: Broken",
        "Automatisk svar: Broken",
        "Odpowiedź automatyczna: Broken",
        "Automatická odpověď: Broken",
        "Automatikus válasz: Broken",
        "Автоматический ответ: Broken",
        "Αυτόματη απάντηση: Broken",
        "Otomatik Yanıt: Broken",
        "رد تلقائي: Broken",
        "תשובה אוטומטית: Broken",
        "自動回覆: Broken",
        "자동 회신: Broken",
        "Returned mail: see transcript for details",
    ],
)
def test_an_absence_is_seen_in_many_languages_encoded_or_not(subject: str) -> None:
    assert told(message(subject=subject)).attributes["automated_because"] == "absence"
    packed = base64.b64encode(subject.encode()).decode()
    assert told(message(subject=f"=?utf-8?B?{packed}?=")).attributes["automated_because"] == "absence"


def test_what_is_written_without_encoding_is_read_as_it_was_meant() -> None:
    first, second, other = (
        told(message(subject=subject, message_id=f"<{number}@e>"))
        for number, subject in enumerate(("Re: 故障", "回复：故障", "Re: 退款"))
    )
    assert first.conversation_id == second.conversation_id != other.conversation_id
    named = told(message(**{"from": "Ünal Ågren <Asker@example.org>"}))
    assert named.customer_id == "asker@example.org"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"references": "<root@x> <later@x>", "in_reply_to": "<later@x>"}, "root@x"),
        ({"references": "<root@x>\r\n\t<later@x>"}, "root@x"),
        ({"in_reply_to": "Your message of today <parent@x>"}, "parent@x"),
        ({"in_reply_to": "parent@x.example"}, "parent@x.example"),
        ({"in_reply_to": "a message of you@x.example"}, "m1@example.org"),
        ({"in_reply_to": "you@x.example@y.example"}, "m1@example.org"),
        ({"in_reply_to": ""}, "m1@example.org"),
        ({"references": "<m1@example.org>"}, "m1@example.org"),
    ],
)
def test_a_conversation_is_a_thread(fields: dict[str, str], expected: str) -> None:
    assert told(message(**fields)).conversation_id == expected


def test_without_a_thread_a_reply_goes_by_subject_and_customer() -> None:
    first = told(message(subject="Re: Broken", message_id="<x1@e>"))
    second = told(message(subject="AW: RE:  Broken", message_id="<x2@e>"))
    answer = told(message(**{"from": "help@acme.example"}, to="asker@example.org", subject="SV: broken",
                          message_id="<x3@e>"))  # fmt: skip
    other = told(message(**{"from": "else@example.org"}, subject="Re: Broken", message_id="<x4@e>"))
    assert first.conversation_id == second.conversation_id == answer.conversation_id != other.conversation_id


def test_a_ticket_number_in_the_subject_may_name_the_conversation() -> None:
    options = MailOptions(own=OWN.own, subject_key=r"\[#(\d+)\]")
    assert told(message(subject="Re: [#512] Broken", references="<r@x>"), options).conversation_id == "512"
    assert told(message(references="<r@x>"), options).conversation_id == "r@x"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"date": "Wed, 01 Jan 3000 00:00:00 +0100"}, "2026-03-02T08:00:04Z"),
        ({"date": "Thu, 01 Jan 1970 00:00:00 +0000"}, "2026-03-02T08:00:04Z"),
        ({"date": "yesterday, about noon"}, "2026-03-02T08:00:04Z"),
        ({"date": ""}, "2026-03-02T08:00:04Z"),
        ({"date": "Mon, 02 Mar 2026 08:02:00 +0000"}, "2026-03-02T08:02:00Z"),
        ({"date": "Mon, 02 Mar 2026 08:02:00 -0000"}, "2026-03-02T08:02:00Z"),
        ({"date": "Mon, 02 Mar 2026 09:02:00 +01:00 (CET)"}, "2026-03-02T08:02:00Z"),
        ({"date": "Mon, 02 Mar 2026 03:02:00 GMT-0500"}, "2026-03-02T08:02:00Z"),
        ({"date": "Mon, 02 Mar 2026 03:02:00 EST"}, "2026-03-02T08:02:00Z"),
        ({"date": "Mon, 02 Mar 2026 05:02:00 CLST"}, "2026-03-02T08:00:04Z"),
        ({"date": "Mon, 02 Mar 2026 05:02:00"}, "2026-03-02T08:00:04Z"),
        ({"date": "Mon, 02 Mar 2026 05:02:00", "received": ""}, "2026-03-02T05:02:00Z"),
        ({"date": "", "received": ""}, "2026-03-02T09:00:00Z"),
        ({"date": "Wed, 01 Jan 3000 00:00:00 +0100", "received": ""}, "2026-03-02T09:00:00Z"),
        ({"date": "Thu, 13 Feb 1969 23:32:54 -0330", "received": ""}, "1969-02-14T03:02:54Z"),
    ],
)
def test_a_date_that_cannot_be_right_gives_way_to_the_receipt(fields: dict[str, str], expected: str) -> None:
    assert told(message(**fields)).occurred_at == parse(expected)


def test_a_form_on_a_web_page_writes_for_somebody() -> None:
    written = told(message(**{"from": "web@acme.example"}, reply_to="asker@example.org"))
    assert (written.actor_kind, written.customer_id) == ("customer", "asker@example.org")


@pytest.mark.parametrize("sender", ["Mail Delivery System <MAILER-DAEMON@mx.example.org>", "postmaster@acme.example"])
def test_who_reports_a_failed_delivery_is_no_customer(sender: str) -> None:
    found = told(message(**{"from": sender}, to="help@acme.example", references="<m1@example.org>"))
    assert (found.actor_kind, found.customer_id, found.automated) == ("system", None, True)
    assert found.conversation_id == "m1@example.org"


def test_a_form_that_calls_itself_no_reply_speaks_for_a_person() -> None:
    written = told(message(**{"from": "no-reply@acme.example"}, reply_to="asker@example.org"))
    assert (written.actor_kind, written.customer_id, written.automated) == ("customer", "asker@example.org", False)
    assert told(message(**{"from": "no-reply@acme.example"}, to="asker@example.org")).automated
    assert told(message(**{"from": "no-reply@acme.example"}, reply_to="bounces@example.org")).automated


@pytest.mark.parametrize("field", ["x_original_from", "x_original_sender"])
def test_a_list_of_ours_passes_on_what_a_customer_writes(field: str) -> None:
    passed = {"from": "'Asker' via Support <support@acme.example>", field: "Asker@example.org"}
    again = told(message(**passed, reply_to="asker@example.org", references="<m1@example.org>"))
    assert (again.actor_kind, again.customer_id) == ("customer", "asker@example.org")
    ours = told(message(**{**passed, field: "help@acme.example"}, to="asker@example.org"))
    assert (ours.actor_kind, ours.actor_id) == ("human", "support@acme.example")
    theirs = told(message(**{"from": "asker@example.org", field: "other@example.org"}))
    assert theirs.customer_id == "asker@example.org"


def test_what_we_write_among_ourselves_answers_nobody() -> None:
    among = told(message(**{"from": "help@acme.example"}, to="boss@acme.example", references="<m1@example.org>"))
    assert (among.type, among.actor_kind, among.conversation_id) == ("note", "human", "m1@example.org")
    copied = told(message(**{"from": "help@acme.example"}, to="boss@acme.example", cc="asker@example.org"))
    assert (copied.type, copied.customer_id) == ("message", "asker@example.org")
    blind = told(message(**{"from": "help@acme.example"}, to="undisclosed-recipients:;"))
    assert blind.type == "message"


@pytest.mark.parametrize(
    ("field", "value", "spam"),
    [
        ("x_spam_status", "Yes, score=12.1 required=5.0", True),
        ("x_spam_status", "No, score=-1.0", False),
        ("x_mailgun_sflag", "Yes", True),
        ("x_mailgun_sflag", "No", False),
    ],
)
def test_spam_is_marked_in_several_ways(field: str, value: str, spam: bool) -> None:
    parsed = Parsed()
    tell(read_mail(message(**{field: value})), Delivery("POST", "u", {}, b"", RECEIVED_MS), Source("m", "acme", OWN),
         parsed)  # fmt: skip
    assert parsed.ignored == ["spam"] * spam


@pytest.mark.parametrize(
    ("sender", "address"),
    [
        ("Doe, Jane <jane@example.org>", "jane@example.org"),
        ('"Doe, Jane (Sales)" <Jane@Example.org>', "jane@example.org"),
        ("jane@example.org <jane@example.org>", "jane@example.org"),
        ('"jane@example.org" <jane@example.org>', "jane@example.org"),
        ("=?utf-8?q?J=C3=A4ne?= <jane@example.org>", "jane@example.org"),
        ("<jane@example.org>", "jane@example.org"),
        ("Jane [Sales] <jane@example.org>", "jane@example.org"),
        ("jane@example.org; john@example.org", "jane@example.org"),
        ("jane@example.org,", "jane@example.org"),
        ("jane@example.org (Jane)", "jane@example.org"),
    ],
)
def test_senders_as_mail_programs_write_them(sender: str, address: str) -> None:
    assert told(message(**{"from": sender})).customer_id == address


def test_a_message_without_an_id_is_named_by_its_bytes() -> None:
    nameless = message(message_id="")
    assert told(nameless).event_id == told(nameless).event_id
    assert told(nameless).event_id != told(message(message_id="", body="Other words.")).event_id
    assert told(nameless).conversation_id == told(nameless).event_id


def test_the_length_is_that_of_the_text() -> None:
    parts = (
        "--b\r\nContent-Type: text/html\r\n\r\n<p>Four <b>words are here</b></p>\r\n"
        "--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        "R3LDvMOfZQ==\r\n--b--"
    )
    both = message(content_type="multipart/alternative; boundary=b", body=parts)
    assert told(both).attributes["text_length"] == "5"
    page = message(content_type="text/html", body="<style>p {}</style><p>Four <b>words are</b> here</p>")
    assert told(page).attributes["text_length"] == "19"


def test_a_language_is_kept_where_it_is_said() -> None:
    assert told(message(content_language="de-DE, en")).language == "de-DE"


@pytest.mark.parametrize("raw", [b"", b"no header at all", b"\xff\xfe\x00", b"From: \r\n\r\nx"])
def test_what_is_no_message_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused):
        told(raw)


def test_the_three_vendors_tell_the_same_event() -> None:
    cases = (sendgrid.CASE, mailgun.CASE)
    events = [case.connector.parse(case.sign(case.samples[1], SECRET), case.source()).events[0] for case in cases]
    assert len({(each.event_id, each.conversation_id, each.occurred_at, each.actor_kind) for each in events}) == 1


def test_mailguns_signature_is_checked_and_grows_old() -> None:
    good = mailgun.sign(mailgun.CASE.samples[0], SECRET)
    mailgun.CASE.connector.verify(good, mailgun.CASE.source())
    for bad in (
        dataclasses.replace(good, body=good.body.replace(b"timestamp=1", b"timestamp=2")),
        dataclasses.replace(good, body=b"a=b"),
        dataclasses.replace(good, body=b"\xff"),
        dataclasses.replace(good, received_at=good.received_at + 51 * 60_000),
        mailgun.sign(mailgun.CASE.samples[0], b"another"),
    ):
        with pytest.raises(Unverified):
            mailgun.CASE.connector.verify(bad, mailgun.CASE.source())


def test_mailguns_documented_way_of_signing() -> None:
    # HMAC-SHA256 of timestamp and token, worked out apart from the code under test (openssl dgst).
    body = (
        b"timestamp=1461261330&token=abc&signature=" + KNOWN.encode() + b"&message-headers=%5B%5D&sender=a%40b.example"
    )
    source = Source("m", "acme", MailgunOptions(), (b"KEY",))
    mailgun.CASE.connector.verify(Delivery("POST", "u", {}, body, 1_461_261_330_000), source)


KNOWN = "cc10867926082b6a0684ffbcaa6ab8a31f6276348d0506b5322905ed440d21dd"


def test_the_forms_of_mailguns_older_webhooks_are_no_messages() -> None:
    form = urlencode({**mailgun.fields_of(ANSWER), "event": "delivered"}).encode()
    parsed = mailgun.CASE.connector.parse(mailgun.sign(Sample("x", form), SECRET), mailgun.CASE.source())
    assert (parsed.events, parsed.ignored) == ([], ["delivery_report"])


def test_a_subject_that_postmark_has_decoded_is_understood() -> None:
    away = postmark.inbound(Subject="Réponse automatique : Broken")
    parsed = postmark.CASE.connector.parse(postmark.sign(postmark.sample("x", away), SECRET), postmark.CASE.source())
    assert parsed.events[0].automated


def test_postmark_names_the_sender_in_one_of_two_places() -> None:
    payload = {name: value for name, value in postmark.inbound().items() if name != "From"}
    parsed = postmark.CASE.connector.parse(postmark.sign(postmark.sample("x", payload), SECRET), postmark.CASE.source())
    assert parsed.events[0].customer_id == "asker@example.org"


@pytest.mark.parametrize("body", [b"[]", b"{}", b'[{"email": "x"}]', b'["event"]'])
def test_json_that_is_no_report_of_sendgrids_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidEvent):
        sendgrid.CASE.connector.parse(sendgrid.sign(Sample("x", body), SECRET), sendgrid.CASE.source())


def test_forms_are_read_whichever_way_they_are_written() -> None:
    assert form_fields(b"a=1&b=%C3%BC&a=2") == {"a": b"1", "b": "ü".encode()}
    assert form_fields(sendgrid.form(a="1", b="two\r\nlines")) == {"a": b"1", "b": b"two\r\nlines"}
    for bad in (b"", b"just words", b"--", b"--x\r\n\r\n--x--"):
        with pytest.raises(MalformedRecord):
            form_fields(bad)


def test_addresses_without_end_are_refused() -> None:
    raw = (
        b"From: a@customer.example\r\nTo: " + b": " * 20_000 + b"e\r\nDate: Mon, 2 Mar 2026 09:00:00 +0000\r\n\r\nhello"
    )
    with pytest.raises(InvalidEvent, match="nested too deeply"):
        read_mail(raw)
