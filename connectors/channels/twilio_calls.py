"""Twilio Voice ("Call status callbacks", "TwiML Voice request parameters").

A call is a conversation, named by the caller's leg. It begins when it rings, is taken and ended by a person, and is
closed when the caller's leg ends. Callbacks come out of order; each says enough by itself. Where only the end is told
(its SequenceNumber is 0), the beginning is counted back from it.
"""

from __future__ import annotations

from typing import Any

from connectors.channels.accounts import person_or_bot
from connectors.channels.payloads import from_rfc2822, number_of
from connectors.channels.pieces import Said, codes, unknown
from connectors.channels.twilio_request import Request
from schemas.records import ActorKind, Call, EventType, InteractionEvent
from schemas.times import EpochMs

RINGS = frozenset({"queued", "initiated", "ringing"})
#: The states in which a call ends without having been taken.
MISSED = frozenset({"busy", "no-answer", "failed", "canceled"})
#: Parameters of requests about a call that say nothing of who waits or answers → why.
IDLE = codes(
    recording="RecordingStatus RecordingEvent",
    transcription="TranscriptionSid TranscriptionEvent TranscriptionText",
    conference="ConferenceSid",
    queue="QueueSid QueueResult QueueTime",
    media_stream="StreamSid StreamEvent",
    payment="PaymentConnector PaymentToken",
    call_flow="Digits SpeechResult DialCallStatus DialCallSid FinishedOnKey UnstableSpeechResult",
)
#: Callbacks have whole seconds: what follows from what, within one.
_BEGAN, _TAKEN, _ENDED, _CLOSED = range(4)


def call(request: Request) -> Said:
    """What a request about a call says."""
    for name, why in IDLE.items():
        if request.get(name) is not None:
            return why
    if request.get("Timestamp") is None and request.get("RecordingSid") is not None:
        # What `<Record>` asks for when somebody has left a message; a callback of a recorded call has a time.
        return "recording"
    if request.get("CallStatus") is None and request.get("AnsweredBy") is not None:
        return "machine_detection"
    status = request.need("CallStatus")
    if status == "completed" and request.get("Timestamp") is None and request.get("CallDuration") is None:
        # Who hangs up in a menu ends the call, and Twilio still asks what comes next: the end has its own callback.
        return "call_flow"
    if status not in (*RINGS, *MISSED, "in-progress", "completed"):
        raise unknown("status of a call", status)
    if request.get("ParentCallSid") is not None:
        return _Leg(request, status).of_agent()
    if request.get("Direction") in (None, "inbound"):
        return _Leg(request, status).of_caller()
    return _Leg(request, status).called()


class _Leg:
    """One leg of a call at one moment."""

    def __init__(self, request: Request, status: str) -> None:
        self.request, self.status = request, status
        self.sid = request.need("CallSid")
        self.by_program = request.source.options.answered == "agent_leg"
        #: Twilio asks what to do with a call in requests like these, which carry no time: it is now.
        self.is_callback = request.get("Timestamp") is not None
        self.at: EpochMs = (
            from_rfc2822(request.get("Timestamp"), "Timestamp") if self.is_callback else request.delivery.received_at
        )
        self.talk_seconds = max(0.0, number_of(request.get("CallDuration")) or 0.0)
        self.is_only_told_at_its_end = (request.get("SequenceNumber") or "0") == "0"
        self.answered_by_machine = (request.get("AnsweredBy") or "").startswith(("machine", "fax"))

    def of_caller(self) -> Said:
        """The leg of a customer who calls."""
        if self.status in RINGS:
            return [self.began(self.status if self.is_callback else "arrived", self.at)]
        if self.status == "in-progress":
            if not self.is_callback:
                return "call_flow"
            return "answered_by_program" if self.by_program else [self.taken(self.at)]
        answered_at = self.at - round(self.talk_seconds * 1000)
        found = [self.began("began", answered_at)] if self.is_only_told_at_its_end else []
        if self.talk_seconds > 0 and not self.by_program:
            found += [self.taken(answered_at)] if self.is_only_told_at_its_end else []
            found.append(self.ended())
        return [*found, self.closed()]

    def called(self) -> Said:
        """The leg of a customer whom somebody calls: nobody waits, and whoever is reached is spoken to."""
        if self.status in RINGS:
            return "call_progress"
        if self.status in MISSED or (self.status == "completed" and self.talk_seconds <= 0):
            return "call_not_taken"
        if self.answered_by_machine:
            return "voicemail"
        if self.status == "in-progress":
            return [self.taken(self.at)] if self.is_callback else "call_flow"
        answered_at = self.at - round(self.talk_seconds * 1000)
        found = [self.taken(answered_at)] if self.is_only_told_at_its_end else []
        return [*found, self.ended(), self.closed()]

    def of_agent(self) -> Said:
        """The leg of somebody whom the call is connected to."""
        if not self.by_program:
            return "agent_leg"
        if person_or_bot(self.request.source, self.agent()) == "bot":
            return "answered_by_program"
        if self.status == "in-progress":
            return [self.taken(self.at)] if self.is_callback else "call_flow"
        if self.status == "completed" and self.talk_seconds > 0:
            answered_at = self.at - round(self.talk_seconds * 1000)
            found = [self.taken(answered_at)] if self.is_only_told_at_its_end else []
            return [*found, self.ended()]
        return "call_progress"

    def began(self, how: str, at: EpochMs) -> InteractionEvent:
        """The customer calls. Told more than once it is still one wait, which counts from the first."""
        caller = self.request.get("From") or self.request.get("Caller")
        return self.tell(f"{self.sid}:{how}", "conversation_started", at, ("customer", caller), sequence=_BEGAN)

    def taken(self, at: EpochMs) -> InteractionEvent:
        """A person is on the line."""
        return self.tell(f"{self.sid}:answered", "call_answered", at, ("human", self.agent()), sequence=_TAKEN)

    def ended(self) -> InteractionEvent:
        """The person's part of the call is over."""
        duration = Call(talk_seconds=self.talk_seconds)
        return self.tell(
            f"{self.sid}:ended", "call_ended", self.at, ("human", self.agent()), sequence=_ENDED, call=duration
        )

    def closed(self) -> InteractionEvent:
        """The call is over."""
        return self.tell(
            f"{self.sid}:closed", "status_changed", self.at, ("system", None), sequence=_CLOSED, status="closed"
        )

    def agent(self) -> str | None:
        """Who took it: known for a leg of theirs only."""
        to = self.request.get("To") or self.request.get("Called")
        if self.request.get("ParentCallSid") is None or to is None:
            return None
        return to.removeprefix("client:")

    def customer(self) -> str | None:
        """The customer's number, as their own leg tells it."""
        if self.request.get("ParentCallSid") is not None:
            return None
        inbound = self.request.get("Direction") in (None, "inbound")
        return self.request.get("From" if inbound else "To")

    def tell(
        self, event_id: str, event_type: EventType, at: EpochMs, by: tuple[ActorKind, str | None], **said: Any
    ) -> InteractionEvent:
        """An event of the call."""
        conversation_id = self.request.get("ParentCallSid") or self.sid
        return self.request.tell(
            event_id, event_type, at, by, conversation_id, "voice", customer_id=self.customer(), **said
        )
