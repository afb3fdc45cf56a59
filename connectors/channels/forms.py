"""Forms as vendors post them: URL-encoded, or in parts."""

from __future__ import annotations

from email.parser import BytesParser
from urllib.parse import parse_qsl

from schemas.errors import MalformedRecord

_MAX_FIELDS = 1000


def form_fields(body: bytes, content_type: str = "") -> dict[str, bytes]:
    """The fields of a form; of a repeated one the first. Raises `MalformedRecord` for a body that is no form.

    The boundary of a form in parts is read off the body itself, since proxies drop the header that says it.
    """
    start = body.lstrip(b"\r\n")
    if start.startswith(b"--"):
        return _parts(start)
    if content_type.lower().startswith("multipart/"):
        raise MalformedRecord("the body is no form in parts: it does not begin with a boundary")
    try:
        text = body.decode("utf-8")
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=True, max_num_fields=_MAX_FIELDS, errors="replace"
        )
    except ValueError:
        raise MalformedRecord("the body is no URL-encoded form") from None
    if not pairs:
        raise MalformedRecord("the body is a form without a field")
    return {name: value.encode("utf-8", "replace") for name, value in reversed(pairs)}


def _parts(body: bytes) -> dict[str, bytes]:
    boundary = body.split(b"\n", 1)[0].strip()[2:]
    if not boundary or len(boundary) > 200 or b'"' in boundary:
        raise MalformedRecord("the body is no form in parts: its boundary makes no sense")
    head = b'Content-Type: multipart/form-data; boundary="' + boundary + b'"\r\n\r\n'
    found: dict[str, bytes] = {}
    try:
        message = BytesParser().parsebytes(head + body)
        for part in message.get_payload() if message.is_multipart() else []:
            name = part.get_param("name", header="content-disposition")  # type: ignore[union-attr]
            payload = part.get_payload(decode=True)  # type: ignore[union-attr]
            if isinstance(name, str) and isinstance(payload, bytes):
                found.setdefault(name, payload)
    except (ValueError, LookupError, RecursionError, AttributeError):
        raise MalformedRecord("the body is no form in parts") from None
    if not found:
        raise MalformedRecord("the body is a form without a field")
    return found
