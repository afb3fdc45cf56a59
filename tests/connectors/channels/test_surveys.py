"""What Delighted and Typeform say of an answer."""

from __future__ import annotations

import dataclasses
import json

import msgspec
import pytest

from connectors.channels.base import Delivery, Source, Unverified
from connectors.channels.delighted import Delighted
from connectors.channels.surveys import SurveyOptions
from schemas.records import InteractionEvent, Survey
from schemas.times import parse
from tests.connectors.channels.case import RECEIVED_MS, SECRET, Sample, VendorCase
from tests.connectors.channels.folding import facts_of
from tests.connectors.channels.vendors import delighted, typeform


def told(case: VendorCase, sample: Sample) -> list[InteractionEvent]:
    return case.connector.parse(case.sign(sample, SECRET), case.source()).events


def test_a_response_is_about_the_conversation_that_its_properties_name() -> None:
    assert told(delighted.CASE, delighted.CASE.samples[0]) == [
        InteractionEvent(
            event_id="77001/1772441400000",
            tenant="acme",
            source="delighted-main",
            channel="web_form",
            type="survey_answered",
            occurred_at=parse("2026-03-02T08:50:00Z"),
            ingested_at=RECEIVED_MS,
            conversation_id="T-5",
            customer_id="3301",
            actor_kind="customer",
            actor_id="3301",
            survey=Survey("csat", 4, 1, 5, "77001"),
            attributes={"survey_type": "csat"},
        )
    ]


def test_a_score_and_its_comment_are_one_answer() -> None:
    (fact,) = facts_of(delighted.CASE, delighted.CASE.samples[:2])
    assert (fact.metric, fact.score, fact.score_min, fact.score_max) == ("csat", 4, 1, 5)
    later = delighted.sample(
        "changed", "survey_response.updated", delighted.response(score=1, updated_at=delighted.ANSWERED_S + 90)
    )
    (changed,) = facts_of(delighted.CASE, (*delighted.CASE.samples[:2], later))
    assert changed.score == 1


def test_without_a_link_an_answer_stands_for_itself() -> None:
    (alone,) = told(delighted.CASE, delighted.CASE.samples[2])
    assert alone.conversation_id == "delighted-main/9"
    assert (alone.customer_id, alone.survey) == ("3301", Survey("nps", 10, 0, 10, "9"))


def test_ease_is_the_low_end_of_effort() -> None:
    (easy,) = told(delighted.CASE, delighted.CASE.samples[3])
    assert easy.survey == Survey("ces", 5, 5, 1, "77002")


@pytest.mark.parametrize(("survey_type", "kind", "ends"), [("five_star", "csat", (1, 5)), ("thumbs", "csat", (0, 1))])
def test_other_scales(survey_type: str, kind: str, ends: tuple[float, float]) -> None:
    changed = delighted.response(survey_type=survey_type, score=1)
    (found,) = told(delighted.CASE, delighted.sample("x", "survey_response.created", changed))
    assert found.survey is not None
    assert (found.survey.kind, found.survey.min, found.survey.max) == (kind, *ends)


def test_delighted_may_also_bring_a_secret_of_ours() -> None:
    source = Source("d", "acme", SurveyOptions(), (SECRET,))
    plain = Delivery("POST", "u", {"x-supportpulse-secret": SECRET.decode()}, b"{}", 0)
    Delighted().verify(plain, source)
    # A signature that is there has to be right, whatever else comes with it.
    with pytest.raises(Unverified):
        Delighted().verify(
            dataclasses.replace(plain, headers={**plain.headers, "x-delighted-webhook-signature": "sha256=0"}), source
        )


def test_every_scale_of_a_form_is_an_answer() -> None:
    found = told(typeform.CASE, typeform.CASE.samples[0])
    assert [each.survey for each in found] == [
        Survey("nps", 9, 0, 10, "tok1/n"),
        Survey("csat", 4, 1, 5, "tok1/r"),
        Survey("ces", 2, 1, 7, "tok1/e"),
    ]
    assert {(each.conversation_id, each.customer_id, each.occurred_at) for each in found} == {
        ("T-5", "c9", parse("2026-03-02T08:41:00Z"))
    }
    assert [each.event_id for each in found] == ["tok1/n", "tok1/r", "tok1/e"]
    assert {fact.metric for fact in facts_of(typeform.CASE, typeform.CASE.samples[:1])} == {"nps", "csat", "ces"}


def test_what_a_scale_measures_may_stand_in_its_ref() -> None:
    named = typeform.form(typeform.scored("o", "opinion_scale", 4, "post-chat_csat"))
    (found,) = told(typeform.CASE, typeform.sample("x", named))
    # The form does not say how many steps it has.
    assert found.survey == Survey("csat", 4, None, None, "tok1/o")


def test_a_scale_without_room_for_the_score_is_unknown() -> None:
    (found,) = told(typeform.CASE, typeform.sample("x", typeform.form(typeform.scored("r", "rating", 8))))
    assert found.survey == Survey("csat", 8, None, None, "tok1/r")


def test_comments_and_addresses_stay_out() -> None:
    for case in (delighted.CASE, typeform.CASE):
        for sample in case.samples:
            kept = msgspec.json.encode(told(case, sample))
            assert b"example.org" not in kept
            assert b"Quick" not in kept
            assert b"Nothing to add" not in kept


def test_options_name_other_properties() -> None:
    source = Source("d", "acme", SurveyOptions(conversation_fields=("case",), channel="email"), (SECRET,))
    body = json.dumps(
        {"event_type": "survey_response.created", "event_data": delighted.response(person_properties={"case": 12})}
    ).encode()
    (found,) = Delighted().parse(Delivery("POST", "u", {}, body, 0), source).events
    assert (found.conversation_id, found.channel) == ("12", "email")
