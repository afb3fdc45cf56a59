"""The OpenAPI document, made from the types that read the requests."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from connectors.channels.generic import JSON, NDJSON
from connectors.gateway.problems import CONTENT_TYPE
from schemas.event_schema import event_schema

_REF = "#/components/schemas/"
_STATUSES = {
    400: "Not HTTP as it should be: a body cut short, or not what its Content-Encoding says.",
    401: "Nothing proves who sent it.",
    403: "An event of another tenant than the token's. Nothing was taken.",
    404: "No source is configured at this address.",
    405: "The address takes other methods.",
    408: "The body did not arrive in time.",
    413: "The body is larger than the source may send.",
    415: "The Content-Type or Content-Encoding is none that is taken here.",
    422: "The body makes no sense, or events in it are refused. Nothing was taken.",
    429: "Too many requests for this source.",
    500: "The gateway failed at it.",
    503: "Kafka has not confirmed it. Nothing is promised; send the same again.",
}

#: What somebody who reads the document can send as it is.
EXAMPLE = {
    "event_id": "6",
    "tenant": "acme",
    "source": "example",
    "channel": "live_chat",
    "type": "message",
    "occurred_at": "2026-03-02T09:03:30+01:00",
    "conversation_id": "chat-1",
    "actor": {"kind": "human", "id": "dana"},
}


@cache
def document() -> bytes:
    """The document as JSON."""
    event, components = event_schema(_REF)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "supportpulse gateway",
                "version": "1",
                "description": "Takes what channels send, and answers once Kafka has it.",
            },
            "paths": {
                "/v1/events": {"post": _events()},
                "/v1/hooks/{vendor}/{source}": {
                    "parameters": [_parameter("vendor"), _parameter("source")],
                    "get": _hook("handshake", "A channel asks whether we are there."),
                    "head": _hook("presence", "The same, for channels that ask for no answer but 200."),
                    "post": {**_hook("deliver", "A channel delivers."), "requestBody": _anything()},
                },
                "/healthz": {"get": _page("healthz", "The process answers.", "text/plain")},
                "/readyz": {"get": _page("readyz", "Kafka answers.", "text/plain", 503)},
                "/metrics": {"get": _page("metrics", "Prometheus metrics.", "text/plain")},
                "/openapi.json": {"get": _page("openapi", "This document.", JSON)},
            },
            "components": {
                "schemas": {**components, "Event": event, "Problem": _problem_schema()},
                "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            },
        }
    )


def _events() -> dict[str, Any]:
    one = {"$ref": f"{_REF}Event"}
    return {
        "operationId": "events",
        "summary": "Events of one's own: one, a list, or one per line. All are taken, or none.",
        "security": [{"token": []}],
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}, "example": EXAMPLE},
                **{name: {"schema": {"type": "string"}} for name in sorted(NDJSON)},
            },
        },
        "responses": {
            "202": {
                "description": "Kafka has all of them.",
                "content": {
                    JSON: {
                        "schema": {
                            "type": "object",
                            "properties": {"accepted": {"type": "integer", "minimum": 1}},
                            "required": ["accepted"],
                        }
                    }
                },
            },
            **_problems(400, 401, 403, 405, 408, 413, 415, 422, 429, 500, 503),
        },
    }


def _hook(name: str, summary: str) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "description": "How a delivery proves who sent it is up to the vendor: see docs/channels.md.",
        "responses": {
            "200": {"description": "Kafka has all of it; or the answer to a handshake.", "content": {"*/*": {}}},
            **_problems(*_STATUSES),
        },
    }


def _parameter(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"},
    }


def _anything() -> dict[str, Any]:
    return {"content": {"*/*": {"schema": {}}}}


def _page(name: str, summary: str, content_type: str, *problems: int) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "responses": {
            "200": {"description": summary, "content": {content_type: {}}},
            **_problems(405, 500, *problems),
        },
    }


def _problems(*statuses: int) -> dict[str, Any]:
    return {
        str(status): {
            "description": _STATUSES[status],
            "content": {CONTENT_TYPE: {"schema": {"$ref": f"{_REF}Problem"}}},
        }
        for status in statuses
    }


def _problem_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "What is wrong, and what to do."},
            "refused": {"type": "integer", "description": "How many events of a batch are refused."},
            "errors": {
                "type": "array",
                "description": "The first hundred of them.",
                "items": {
                    "type": "object",
                    "required": ["index", "detail"],
                    "properties": {
                        "index": {"type": "integer", "description": "Place in the batch, from 0."},
                        "line": {"type": "integer", "description": "Line of NDJSON, from 1."},
                        "detail": {"type": "string"},
                    },
                },
            },
        },
    }
