"""The payloads that somebody has put beside the repository, of calls, mail, issues and surveys."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.channels.base import Delivery, Parsed, Source
from connectors.channels.mail import MailOptions, read_mail, tell
from schemas.times import parse
from tests.connectors.channels.shared_payloads import outcome
from tests.connectors.channels.vendors import (
    amazonconnect,
    asterisk,
    delighted,
    github,
    mailgun,
    postmark,
    sendgrid,
    typeform,
)
from tests.streams.shared import shared_file

AFTERWARDS_MS = parse("2026-11-01T00:00:00Z")
CALL = "customer conversation_started; system assigned; human assigned; human call_answered"
RECORD = f"{CALL}; human call_ended; customer status_changed"
CASES = {
    each.connector.vendor: each
    for each in (
        amazonconnect.CASE,
        asterisk.CASE,
        delighted.CASE,
        github.CASE,
        mailgun.CASE,
        postmark.CASE,
        sendgrid.CASE,
        typeform.CASE,
    )
}
#: Vendor, file → what becomes of it.
EXPECTED: dict[tuple[str, str], str] = {
    ("github", "github/discussion.created.payload.json"): "human conversation_started",
    ("github", "github/discussion_comment.created.payload.json"): "human message",
    ("github", "github/discussion_comment.edited.payload.json"): "(comment_edited)",
    ("github", "github/issue_comment.created.with-organization.payload.json"): "human message",
    ("github", "github/issue_comment.deleted.with-organization.payload.json"): "(comment_deleted)",
    ("github", "github/issues.assigned.payload.json"): "human assigned",
    ("github", "github/issues.edited.payload.json"): "(edited)",
    ("github", "github/issues.opened.with-transfer.payload.json"): "human conversation_started",
    ("github", "github/issues.transferred.payload.json"): "human merged",
    ("github", "github/issues.unassigned.payload.json"): "human assigned",
    ("github", "github/payload-examples.github.ae.issues.labeled.payload.json"): "(labeled)",
    ("github", "github/ping.payload.json"): "(ping)",
    ("amazonconnect", "amazonconnect/REDACTED_ctr_delivered_twice.jsonl"): f"{RECORD}; {RECORD}",
    (
        "amazonconnect",
        "amazonconnect/contact-events_01_sample-contact-event-for-when-a-voice-call-is-connected-to-a.json",
    ): CALL,
    (
        "amazonconnect",
        "amazonconnect/CLEANED_contact-events_02_sample-contact-event-for-when-a-voice-call-is-disconnected.json",
    ): "human conversation_started; human assigned; human call_answered; system status_changed",
    ("asterisk", "asterisk/official_docs_line.log"): "(ringing)",
    ("asterisk", "asterisk/queue_log_from_wazo_docs.log"): (
        "customer conversation_started; system status_changed; customer conversation_started; system assigned; "
        "human call_answered; human call_ended; human status_changed; customer status_changed; (agent_state)"
    ),
    ("delighted", "survey/delighted_survey_response.updated.json"): "customer survey_answered",
    ("typeform", "survey/DERIVED_typeform_nps.json"): "customer survey_answered",
    ("typeform", "survey/activepieces_typeform_new_submission.json"): "(no_score)",
    ("typeform", "survey/thirdparty_typeform_form_response.json"): "(no_score)",
    ("sendgrid", "email/sendgrid/raw_data.txt"): "customer message",
    ("sendgrid", "email/sendgrid/raw_data_with_attachments.txt"): "customer message",
    ("postmark", "email/postmark/postmark-inbound-test-payload.json"): "customer message",
    ("postmark", "email/postmark/postmark-inbound-test-payload-with-raw.json"): "customer message",
    ("mailgun", "email/mailgun/inbound.form"): "customer message",
}
#: Messages nobody typed.
AUTOMATED = {
    "discourse_auto_submitted.eml",
    "mikelmail_bad_date_header.eml",
    "mikelmail_multi_address_bounce1.eml",
    "mikelmail_report_422.eml",
    "mikelmail_report_530.eml",
}


@pytest.mark.parametrize(("vendor", "name"), EXPECTED)
def test_every_payload_leads_where_it_should(vendor: str, name: str) -> None:
    body = shared_file(f"webhooks/{name}").read_bytes()
    assert outcome(CASES[vendor], body, headers={}, received_at=AFTERWARDS_MS) == EXPECTED[vendor, name]


def test_every_message_is_read() -> None:
    folder: Path = shared_file("webhooks/email/rfc822")
    automated = set()
    for path in sorted(folder.glob("*.eml")):
        parsed = Parsed()
        delivery = Delivery("", "", {}, b"", AFTERWARDS_MS)
        tell(read_mail(path.read_bytes()), delivery, Source("m", "acme", MailOptions()), parsed)
        (event,) = parsed.events
        assert event.occurred_at <= AFTERWARDS_MS
        if event.automated:
            automated.add(path.name)
    assert automated == AUTOMATED


def test_mailguns_signature_of_the_shared_form_is_right() -> None:
    body = shared_file("webhooks/email/mailgun/inbound.form").read_bytes()
    source = mailgun.CASE.source(secrets=(b"TEST_WEBHOOK_SIGNING_KEY",))
    mailgun.CASE.connector.verify(Delivery("POST", "", {}, body, 1_461_261_330_000), source)
