"""Slack Events API ("Events API", "message event", "Verifying requests from Slack", "Slack Connect").

In a channel each thread is a conversation, named by its first message; a direct message with the app is one as a
whole. A message is told by every subscription that it falls under, so its id is the channel and its `ts`.

Who answers is said by the source (`agents`). Without that, in a channel that is shared with another company our own
people answer; elsewhere whoever begins a thread asks, and everybody else in it answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs

from connectors.channels.base import (
    ChannelConnector,
    ChannelOptions,
    Delivery,
    Parsed,
    Reply,
    Source,
    Unverified,
    event,
)
from connectors.channels.payloads import (
    from_epoch_s,
    json_object,
    object_at,
    objects_at,
    required,
    text_length,
    text_of,
)
from connectors.channels.pieces import Said, codes, settle, unknown
from connectors.channels.signatures import header, hex_hmac, require_fresh, require_match
from schemas.errors import InvalidEvent, MalformedRecord, Refused
from schemas.records import ActorKind, Channel, InteractionEvent, Status

MESSAGES = frozenset({"message", "app_mention"})
#: Subtypes of messages that somebody wrote. None at all is the usual one.
WRITTEN = frozenset(
    {"file_share", "me_message", "thread_broadcast", "reply_broadcast", "bot_message", "slackbot_response"}
)
#: What else a message may be → why it is ignored.
IDLE_SUBTYPES = codes(
    message_edited="message_changed",
    message_deleted="message_deleted tombstone",
    thread_notice="message_replied",
    channel_notice="""channel_join channel_leave channel_topic channel_purpose channel_name channel_archive
    channel_unarchive channel_convert_to_private channel_convert_to_public channel_posting_permissions
    channel_canvas_updated
    group_join group_leave group_topic group_purpose group_name group_archive group_unarchive joiner_notification
    joiner_notification_for_inviter pinned_item unpinned_item bot_add bot_remove bot_enable bot_disable
    app_conversation_join app_conversation_leave sh_room_created sh_room_shared""",
    reminder="reminder_add reminder_delete",
    file_notice="file_comment file_mention",
    huddle="huddle_thread",
    assistant="assistant_app_thread",
    encryption="ekm_access_denied",
    document="document_mention",
    list_notice="list_record_comment",
)
#: Types of events in which nobody writes → why.
IDLE_EVENTS = codes(
    reaction="reaction_removed",
    membership="""member_joined_channel member_left_channel team_join channel_left group_left user_huddle_changed
    team_access_granted team_access_revoked""",
    channel="""channel_archive channel_created channel_deleted channel_history_changed channel_id_changed channel_rename
    channel_shared channel_unarchive channel_unshared group_archive group_close group_deleted group_history_changed
    group_open group_rename group_unarchive im_close im_created im_history_changed im_open channel_joined group_joined
    channel_marked group_marked im_marked mpim_close mpim_open mpim_history_changed""",
    app="""app_home_opened app_installed app_uninstalled app_deleted app_requested app_uninstalled_team tokens_revoked
    app_rate_limited scope_granted scope_denied resources_added resources_removed url_verification function_executed
    entity_details_requested""",
    assistant="assistant_thread_started assistant_thread_context_changed",
    workspace="""dnd_updated dnd_updated_user email_domain_changed emoji_changed team_domain_change team_rename
    subteam_created subteam_members_changed subteam_self_added subteam_self_removed subteam_updated user_change
    user_profile_changed user_status_changed user_resource_denied user_resource_granted user_resource_removed
    grid_migration_finished grid_migration_started user_connection invite_requested
    workflow_deleted workflow_published workflow_unpublished workflow_step_deleted workflow_step_execute""",
    file="""file_change file_created file_deleted file_public file_shared file_unshared file_comment_added
    file_comment_edited file_comment_deleted""",
    pin="pin_added pin_removed star_added star_removed",
    link="link_shared",
    call="call_rejected",
    invite="""shared_channel_invite_accepted shared_channel_invite_approved shared_channel_invite_declined
    shared_channel_invite_received shared_channel_invite_requested""",
    metadata="message_metadata_posted message_metadata_updated message_metadata_deleted",
)
SLACKBOT = "USLACKBOT"
_MICROSECONDS = 1_000_000


class SlackOptions(ChannelOptions):
    """`agents` are the ids of the users who answer. `reactions` give a thread a status, put on its first message:
    `{white_check_mark: resolved}`. `team` is the workspace that deliveries must be of, `channel` what ours is called.
    """

    agents: frozenset[str] = frozenset()
    reactions: Mapping[str, Status] = {}
    team: str | None = None
    channel: Channel = "community"


class Slack(ChannelConnector[SlackOptions]):
    """An app's event subscriptions. Commands and interactions may come to the same address; they say nothing."""

    vendor: ClassVar[str] = "slack"
    Options: ClassVar[type[SlackOptions]] = SlackOptions
    content_types: ClassVar[frozenset[str]] = frozenset({"application/json", "application/x-www-form-urlencoded"})

    def handshake(self, delivery: Delivery, source: Source[SlackOptions]) -> Reply | None:
        """The challenge of a `url_verification`, which is signed like everything else."""
        if b'"url_verification"' not in delivery.body:
            return None
        self.verify(delivery, source)
        try:
            body = json_object(delivery.body)
        except Refused:
            return None
        challenge = text_of(body.get("challenge"))
        if body.get("type") != "url_verification" or challenge is None:
            return None
        return Reply(challenge.encode())

    def verify(self, delivery: Delivery, source: Source[SlackOptions]) -> None:
        """`X-Slack-Signature` over the time and the raw body, at most five minutes old."""
        stamp = header(delivery, "x-slack-request-timestamp")
        signed = b"v0:" + stamp.encode("utf-8", "replace") + b":" + delivery.body
        expected = ("v0=" + hex_hmac(secret, signed) for secret in source.secrets)
        require_match(header(delivery, "x-slack-signature"), expected, "x-slack-signature")
        try:
            signed_at_ms = from_epoch_s(stamp, "x-slack-request-timestamp")
        except InvalidEvent as exc:
            raise Unverified(exc.detail) from None
        require_fresh(signed_at_ms, delivery)

    def parse(self, delivery: Delivery, source: Source[SlackOptions]) -> Parsed:
        """One event."""
        parsed = Parsed()
        if not delivery.body.lstrip().startswith((b"{", b"[")):
            parsed.ignore(_of_form(delivery.body))
            return parsed
        body = json_object(delivery.body)
        if body.get("type") == "app_rate_limited":
            parsed.ignore("app")
            return parsed
        # Some of Slack's own samples leave the outer type blank.
        if body.get("type") not in ("event_callback", "", None) or not isinstance(body.get("event"), dict):
            raise InvalidEvent("the body is no event_callback, so it is no event of Slack's")
        _check_team(body, source)
        settle(parsed, body, lambda: _Event(body, delivery, source).said())
        return parsed


def _of_form(body: bytes) -> str:
    """Why a form is ignored: a command or an interaction, which answers or asks nobody. Raises for any other form."""
    try:
        form = parse_qs(body.decode(), strict_parsing=True, max_num_fields=100)
    except ValueError:
        raise MalformedRecord("the body is neither JSON nor a form") from None
    if "command" in form:
        return "command"
    if "payload" in form:
        return "interaction"
    raise InvalidEvent("the form holds neither a command nor a payload")


def _check_team(body: dict[str, Any], source: Source[SlackOptions]) -> None:
    # In a shared channel, team_id is that of the writer's company: who installed the app is in the authorizations.
    teams = [text_of(each.get("team_id")) for each in objects_at(body, "authorizations")]
    told = {*filter(None, teams)} or {*filter(None, [text_of(body.get("team_id"))])}
    if source.options.team is not None and told and source.options.team not in told:
        raise InvalidEvent("team_id is another workspace than the source's: does the app call the right address?")


class _Event:
    """The event of a delivery."""

    def __init__(self, body: dict[str, Any], delivery: Delivery, source: Source[SlackOptions]) -> None:
        self.body, self.delivery, self.source = body, delivery, source
        self.event = object_at(body, "event")

    def said(self) -> Said:
        """What it says."""
        kind, subtype = self.event.get("type"), self.event.get("subtype") or None
        if kind == "reaction_added":
            return self.reaction()
        if isinstance(kind, str) and kind in IDLE_EVENTS:
            return IDLE_EVENTS[kind]
        if not isinstance(kind, str) or kind not in MESSAGES:
            raise unknown("event of the type", kind)
        if isinstance(subtype, str) and subtype in IDLE_SUBTYPES:
            return IDLE_SUBTYPES[subtype]
        if subtype is not None and not (isinstance(subtype, str) and subtype in WRITTEN):
            raise unknown("message of the subtype", subtype)
        if kind == "app_mention" and self.is_reply and self.parent is None and not self.source.options.agents:
            # Whether its writer asks or answers is only said by the message event of the same message.
            return "mention_in_thread"
        return [self.message()]

    @property
    def channel(self) -> str:
        """Where it was written."""
        return required(self.event.get("channel"), "event.channel")

    @property
    def ts(self) -> str:
        """Its id within the channel, which is its time too."""
        return required(self.event.get("ts"), "event.ts")

    @property
    def is_direct(self) -> bool:
        """Whether it was written to the app alone."""
        return self.event.get("channel_type") in ("im", "app_home") or self.channel.startswith("D")

    @property
    def is_reply(self) -> bool:
        """Whether it is in a thread that another message began."""
        return text_of(self.event.get("thread_ts")) not in (None, self.ts)

    @property
    def parent(self) -> str | None:
        """Who began the thread."""
        return text_of(self.event.get("parent_user_id")) or text_of(object_at(self.event, "root").get("user"))

    def message(self) -> InteractionEvent:
        """The event of what somebody wrote."""
        kind = self.writer()
        user = text_of(self.event.get("user")) or text_of(self.event.get("bot_id"))
        # A bot that begins a thread answers nobody: it announces, or reports.
        announces = kind == "bot" and not self.is_reply and not self.is_direct
        return event(
            self.source,
            self.delivery,
            event_id=f"{self.channel}:{self.ts}",
            conversation_id=self.channel
            if self.is_direct
            else f"{self.channel}:{text_of(self.event.get('thread_ts')) or self.ts}",
            channel=self.source.options.channel,
            type="message",
            occurred_at=from_epoch_s(self.ts, "event.ts"),
            actor=kind,
            actor_id=user,
            customer_id=user if kind == "customer" else None,
            sequence=_sequence(self.ts),
            automated=announces or user == SLACKBOT,
            attributes=text_length(self.event.get("text")),
        )

    def writer(self) -> ActorKind:
        """Who wrote a message: by what it says, by what the source says, by where it stands."""
        user = text_of(self.event.get("user"))
        bot = text_of(self.event.get("bot_id")) or self.event.get("subtype") == "bot_message" or user == SLACKBOT
        if user is not None and user in self.source.options.agents:
            return "human"
        if bot:
            return "bot"
        if self.source.options.agents or self.is_direct:
            return "customer"
        if self.body.get("is_ext_shared_channel") is True:
            return "human" if self.is_of_ours() else "customer"
        return "human" if self.is_reply and self.parent not in (None, user) else "customer"

    def is_of_ours(self) -> bool:
        """Whether the writer belongs to the workspace that installed the app."""
        theirs = text_of(self.event.get("user_team")) or text_of(self.event.get("team"))
        ours = [text_of(each.get("team_id")) for each in objects_at(self.body, "authorizations")]
        return theirs is not None and theirs in (*ours, text_of(self.body.get("context_team_id")))

    def reaction(self) -> Said:
        """A reaction that gives a thread a status, where the source says so."""
        name, item = self.event.get("reaction"), object_at(self.event, "item")
        status = self.source.options.reactions.get(name) if isinstance(name, str) else None
        if status is None or item.get("type") != "message":
            return "reaction"
        channel, stamp = required(item.get("channel"), "item.channel"), required(item.get("ts"), "item.ts")
        at, user = required(self.event.get("event_ts"), "event_ts"), text_of(self.event.get("user"))
        agent = user is not None and user in self.source.options.agents
        return [
            event(
                self.source,
                self.delivery,
                event_id=f"{channel}:{stamp}:{name}:{user}:{at}",
                conversation_id=channel if channel.startswith("D") else f"{channel}:{stamp}",
                channel=self.source.options.channel,
                type="status_changed",
                occurred_at=from_epoch_s(at, "event_ts"),
                actor="human" if agent or not self.source.options.agents else "customer",
                actor_id=user,
                sequence=_sequence(at),
                status=status,
            )
        ]


def _sequence(stamp: str) -> int | None:
    """What orders messages of one millisecond: the microseconds of their `ts`."""
    fraction = stamp.partition(".")[2]
    return int(fraction) % _MICROSECONDS if fraction.isascii() and fraction.isdigit() and len(fraction) < 12 else None
