"""Reading a request's body, and never more of it than its source may send."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping

from aiohttp import StreamReader, web

from connectors.gateway.problems import Problem

_CHUNK_BYTES = 65_536
#: zlib's window bits that read a gzip header, or a zlib one.
_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


async def read(request: web.BaseRequest, most_bytes: int, timeout_seconds: float) -> bytes:
    """The body, decompressed. Raises `Problem`: 413 above `most_bytes`, 408 if it takes too long, 400 if it is broken.

    The limit holds for what is sent and for what it becomes, so that a small body cannot grow into a large one.
    """
    length = request.headers.get("Content-Length")
    if length is not None and length.isdigit() and int(length) > most_bytes:
        raise _too_large(most_bytes)
    content = request.content
    if content.is_eof():
        return whole(content, request.headers, most_bytes)
    try:
        raw = await asyncio.wait_for(_read_slowly(content, most_bytes), timeout_seconds)
    except asyncio.TimeoutError:
        raise Problem(
            408, f"the body did not arrive within {timeout_seconds:g} s: send it again", {"Connection": "close"}
        ) from None
    return _decoded(raw, request.headers, most_bytes)


def whole(content: StreamReader, headers: Mapping[str, str], most_bytes: int) -> bytes:
    """As `read`, of a body that is there to its end."""
    raw = content.read_nowait()
    if len(raw) > most_bytes:
        raise _too_large(most_bytes)
    return _decoded(raw, headers, most_bytes)


def _decoded(raw: bytes, headers: Mapping[str, str], most_bytes: int) -> bytes:
    encoding = headers.get("Content-Encoding")
    return raw if encoding is None else decompress(raw, encoding.strip().lower(), most_bytes)


async def _read_slowly(content: StreamReader, most_bytes: int) -> bytes:
    parts, size = [], 0
    while part := await content.readany():
        size += len(part)
        if size > most_bytes:
            raise _too_large(most_bytes)
        parts.append(part)
    return b"".join(parts)


def decompress(raw: bytes, encoding: str, most_bytes: int) -> bytes:
    """What `raw` becomes. Raises `Problem`: 415 for an unknown encoding, 413 above `most_bytes`, 400 if broken."""
    if encoding in ("", "identity"):
        return raw
    window = _WINDOWS.get(encoding)
    if window is None:
        raise Problem(
            415,
            "Content-Encoding is none that is known here: send gzip, deflate or no encoding",
            {"Accept-Encoding": "gzip, deflate"},
        )
    inflater = zlib.decompressobj(window)
    parts, size, left = [], 0, raw
    try:
        while left and not inflater.eof:
            part = inflater.decompress(left, _CHUNK_BYTES)
            left = inflater.unconsumed_tail
            size += len(part)
            if size > most_bytes:
                raise _too_large(most_bytes)
            parts.append(part)
    except zlib.error:
        raise Problem(400, f"the body is not {encoding}, as its Content-Encoding says: send it again") from None
    if not inflater.eof or inflater.unused_data:
        raise Problem(400, f"the body is {encoding} that is cut short, or has something behind its end: send it again")
    return b"".join(parts)


def _too_large(most_bytes: int) -> Problem:
    # The rest of the body is not waited for.
    return Problem(
        413,
        f"the body is larger than the {most_bytes:,} bytes that are allowed here: send less at a time, or raise the "
        "source's limits.max_body_bytes",
        {"Connection": "close"},
    )
