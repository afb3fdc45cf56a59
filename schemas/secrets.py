"""Secrets are written down nowhere: what needs one is told where it is.

    secrets.read("env:HOOK_SECRET")             # a variable of the environment
    secrets.read("file:/run/secrets/hook")      # a file, without the end of its last line

Whoever writes the secret itself in place of a reference does not find it in an error.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from schemas.errors import SupportpulseError


class SecretUnreadable(SupportpulseError):
    """There is no secret where the reference points to. Says where and what to do, never what is there."""


def read(reference: object, environ: Mapping[str, str] = os.environ) -> bytes:
    """What `env:NAME` or `file:/path` refers to, at least one byte. Raises `SecretUnreadable`."""
    kind, where = split(reference)
    secret = _from_environment(where, environ) if kind == "env" else _from_file(where)
    if not secret:
        raise SecretUnreadable(f"the secret at {reference} is empty: put it there before this starts")
    return secret


def split(reference: object) -> tuple[str, str]:
    """`env` or `file`, and the name or the path. Nothing is looked up. Raises `SecretUnreadable`."""
    kind, _, where = reference.partition(":") if isinstance(reference, str) else ("", "", "")
    if kind not in ("env", "file") or not where:
        raise SecretUnreadable(
            "this is no reference to a secret: write env:NAME or file:/path (what is there is not shown)"
        )
    return kind, where


def _from_environment(name: str, environ: Mapping[str, str]) -> bytes:
    value = environ.get(name)
    if value is None:
        raise SecretUnreadable(f"the environment has no {name}: set it before this starts")
    # As the environment had it, even if that was no UTF-8.
    return value.encode("utf-8", "surrogateescape")


def _from_file(path: str) -> bytes:
    try:
        return Path(path).read_bytes().rstrip(b"\r\n")
    except OSError as exc:
        raise SecretUnreadable(f"{path} cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise SecretUnreadable("the path of the secret is none that a file could have: write file:/path") from exc
