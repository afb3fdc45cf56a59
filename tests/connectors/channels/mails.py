"""Messages for the tests of e-mail, and of what carries it."""

from __future__ import annotations


def message(*fields: str, body: str = "It does not start.", **header: str) -> bytes:
    """A message; a keyword is a field (`in_reply_to`), one given as None-like empty text is left out."""
    usual = {
        "received": "by mx.acme.example with SMTP; Mon, 02 Mar 2026 08:00:04 +0000",
        "from": "Asker <Asker@Example.org>",
        "to": "support@acme.example",
        "subject": "Broken",
        "date": "Mon, 02 Mar 2026 09:00:00 +0100",
        "message_id": "<m1@example.org>",
        "content_type": "text/plain; charset=utf-8",
    }
    lines = [f"{name.replace('_', '-').title()}: {value}" for name, value in {**usual, **header}.items() if value]
    return "\r\n".join((*lines, *fields, "", body)).encode()


#: What becomes of a question: an answer of ours, and a question again.
ANSWER = message(
    **{"from": "help@acme.example"},
    to="asker@example.org",
    subject="Re: Broken",
    date="Mon, 02 Mar 2026 08:30:00 +0000",
    received="",
    message_id="<a1@acme.example>",
    references="<m1@example.org>",
    in_reply_to="<m1@example.org>",
)
AGAIN = message(
    subject="AW: Re: Broken",
    date="Mon, 02 Mar 2026 08:40:00 +0000",
    received="",
    message_id="<m2@example.org>",
    references="<m1@example.org>\r\n <a1@acme.example>",
    in_reply_to="<a1@acme.example>",
)
ABSENT = message(
    subject="Automatic reply: Re: Broken",
    date="Mon, 02 Mar 2026 08:31:00 +0000",
    received="",
    message_id="<o1@example.org>",
    in_reply_to="<m1@example.org>",
    auto_submitted="auto-replied",
)
THREAD = (message(), ANSWER, ABSENT, AGAIN)
