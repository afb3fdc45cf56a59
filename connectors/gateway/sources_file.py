"""`sources.yaml` → `SourceBook`. Every refusal names the file, the line and what to write instead; never a secret."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from connectors.channels.base import AnyConnector, ChannelOptions, Source
from connectors.channels.registry import channels
from connectors.gateway.sources import MOST_BODY_BYTES, Entry, Limits, SourceBook, Token, digest
from schemas import secrets, yaml_lines
from schemas.errors import SupportpulseError
from schemas.secrets import SecretUnreadable
from schemas.yaml_lines import Node

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LEAST_TOKEN_BYTES = 16
#: Options with one of these in their names hold secrets.
_SECRET_WORDS = ("token", "secret", "password")


class SourcesFileError(SupportpulseError):
    """The sources file cannot be used. Says where and what to write; correct the file and try again."""


def load(path: Path, environ: Mapping[str, str] | None = os.environ) -> SourceBook:
    """Read and check a sources file, and fetch the secrets it refers to. Raises `SourcesFileError`.

    With None for `environ` no secret is fetched, and no token read: who reads again what was verified when it came
    needs none. Such a book verifies nothing, so it is not for a gateway.
    """
    return parse(yaml_lines.read(path, SourcesFileError), str(path), environ)


def parse(text: str, name: str = "sources", environ: Mapping[str, str] | None = os.environ) -> SourceBook:
    """As `load`, from text; `name` is what errors call it."""
    roots = yaml_lines.documents(text, name, SourcesFileError)
    if len(roots) != 1:
        raise SourcesFileError(f"{name}:1: expected one YAML document with `sources:`, there are {len(roots)}")
    fields = roots[0].fields({"public_url": False, "sources": False, "tokens": False})
    nodes = fields["sources"].elements() if "sources" in fields else []
    entries: dict[str, Entry] = {}
    for node in nodes:
        entry = _entry(node, environ)
        if entry.source.name in entries:
            raise node.refuse(f"a second source named {entry.source.name!r}: events could not tell them apart")
        entries[entry.source.name] = entry
    tokens = _tokens(fields["tokens"], environ) if "tokens" in fields and environ is not None else []
    if not entries and not tokens and environ is not None:
        raise roots[0].refuse("names neither a source nor a token, so nobody could send anything")
    public_url = _public_url(fields["public_url"]) if "public_url" in fields else ""
    return SourceBook(entries.values(), tokens, public_url)


def _entry(node: Node, environ: Mapping[str, str] | None) -> Entry:
    fields = node.fields(
        {
            "name": True,
            "vendor": True,
            "tenant": True,
            "account": False,
            "secrets": False,
            "options": False,
            "limits": False,
        }
    )
    name = _name(fields["name"])
    vendor = fields["vendor"].text()
    connector = channels().get(vendor)
    if connector is None:
        raise fields["vendor"].refuse(f"{vendor!r} is no channel; there are {', '.join(channels())}")
    proofs = tuple(_secrets(fields["secrets"], environ)) if "secrets" in fields and environ is not None else ()
    if "secrets" not in fields and not connector.unsigned:
        raise node.refuse(f"secrets are missing: {vendor} signs its deliveries. Write secrets: [env:NAME]")
    limits = _limits(fields.get("limits"))
    account = _name(fields["account"]) if "account" in fields else ""
    options = _options(connector, fields.get("options"), node, environ)
    return Entry(
        connector=connector,
        source=Source(name, fields["tenant"].text(), options, proofs, account),
        limits=limits,
        bucket=limits.bucket(),
    )


def _tokens(node: Node, environ: Mapping[str, str]) -> list[Token]:
    tokens: dict[str, Token] = {}
    seen: dict[bytes, str] = {}
    for each in node.elements():
        fields = each.fields({"name": True, "tenant": True, "secrets": True, "limits": False})
        name = _name(fields["name"])
        if name in tokens:
            raise each.refuse(f"a second token named {name!r}")
        found = _secrets(fields["secrets"], environ)
        if any(len(secret) < _LEAST_TOKEN_BYTES for secret in found):
            raise fields["secrets"].refuse(
                f"a token of fewer than {_LEAST_TOKEN_BYTES} bytes can be guessed: make a longer one"
            )
        digests = tuple(digest(secret) for secret in found)
        for one in digests:
            if seen.setdefault(one, name) != name:
                raise fields["secrets"].refuse(
                    f"the same secret as that of {seen[one]!r}: nobody could tell them apart"
                )
        limits = _limits(fields.get("limits"))
        tokens[name] = Token(name, fields["tenant"].text(), digests, limits, limits.bucket())
    return list(tokens.values())


def _name(node: Node) -> str:
    name = node.text()
    if not _NAME.fullmatch(name):
        raise node.refuse(f"{name!r} cannot be part of an address: write letters, digits, dots, dashes, at most 64")
    return name


def _secrets(node: Node, environ: Mapping[str, str]) -> list[bytes]:
    references = node.elements()
    if not references:
        raise node.refuse("is empty: write at least one reference, like env:NAME or file:/run/secrets/name")
    return [_secret(reference, environ) for reference in references]


def _secret(node: Node, environ: Mapping[str, str]) -> bytes:
    try:
        return secrets.read(node.scalar(), environ)
    except SecretUnreadable as exc:
        raise node.refuse(str(exc)) from exc


def _options(
    connector: AnyConnector, node: Node | None, source: Node, environ: Mapping[str, str] | None
) -> ChannelOptions:
    said: dict[str, Any] = {}
    for name, child in () if node is None else node.items():
        if not _is_secret(name):
            said[name] = child.plain()
        elif environ is not None:
            said[name] = _secret(child, environ).decode("utf-8", "replace")
    try:
        return connector.Options.model_validate(said)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False, include_context=False)[0]
        where, why = [str(part) for part in first["loc"]], first["msg"]
        if first["type"] == "extra_forbidden":
            known = ", ".join(connector.Options.model_fields) or "none"
            why = f"is no option of {connector.vendor}; there are: {known}"
        at = source if node is None else _at(node, where)
        raise at.refuse(f"{'.'.join(where)}: {why}") from exc


def _is_secret(option: str) -> bool:
    """By its name: then it is a reference, as secrets are."""
    return any(word in option for word in _SECRET_WORDS)


def _at(node: Node, where: list[str]) -> Node:
    """The piece that a validation error is about, as near as the file has it."""
    for part in where:
        children = dict(node.items()) if isinstance(node.plain(), dict) else {}
        if part not in children:
            break
        node = children[part]
    return node


def _limits(node: Node | None) -> Limits:
    if node is None:
        return Limits()
    fields = node.fields({"max_body_bytes": False, "requests_per_second": False})
    defaults = Limits()
    most = fields.get("max_body_bytes")
    rate = fields.get("requests_per_second")
    return Limits(
        max_body_bytes=defaults.max_body_bytes if most is None else int(_number(most, MOST_BODY_BYTES)),
        requests_per_second=None if rate is None else _number(rate, 1_000_000),
    )


def _number(node: Node, most: float) -> float:
    value: Any = node.scalar()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= most:
        raise node.refuse(f"{value!r}: write a number above 0, at most {most:,}")
    return float(value)


def _public_url(node: Node) -> str:
    url = node.text()
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise node.refuse(f"{url!r} is no address that vendors could call: write one like https://hooks.example.com")
    return url.rstrip("/")
