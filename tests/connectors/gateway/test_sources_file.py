"""A sources file is read in full, or refused by file and line; and a secret is in no error."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.channels.registry import channels
from connectors.gateway.sources_file import SourcesFileError, load, parse

ENVIRON = {
    "SIGNING": "correct-horse",
    "OLD_SIGNING": "battery",
    "TOKEN": "a-token-of-the-tests",
    "EMPTY": "",
    "SHORT": "x",
}
FULL = """\
public_url: https://hooks.example.com/
sources:
  - name: github-main
    vendor: github
    tenant: acme
    secrets: [env:SIGNING, env:OLD_SIGNING]
    options: {priority_labels: {urgent: urgent}}
    limits: {max_body_bytes: 5000, requests_per_second: 2.5}
tokens:
  - {name: crm, tenant: acme, secrets: [env:TOKEN]}
"""


def test_everything_that_may_be_said() -> None:
    book = parse(FULL, environ=ENVIRON)
    entry = book.find("github", "github-main")
    assert entry is not None
    assert (entry.source.tenant, entry.source.secrets) == ("acme", (b"correct-horse", b"battery"))
    assert entry.source.options.priority_labels == {"urgent": "urgent"}
    assert (entry.limits.max_body_bytes, entry.limits.requests_per_second) == (5000, 2.5)
    assert (entry.vendor, entry.origin) == ("github", "gateway/github/github-main")
    token = book.token(b"a-token-of-the-tests")
    assert token is not None
    assert (token.name, token.tenant) == ("crm", "acme")
    assert book.token(b"another") is None
    assert book.find("github", "other") is None
    assert book.public_url == "https://hooks.example.com"


def test_a_secret_is_shown_by_nothing() -> None:
    book = parse(FULL, environ=ENVIRON)
    shown = repr([*book.entries.values(), book.token(b"a-token-of-the-tests")])
    assert not [secret for secret in ("correct-horse", "battery", "a-token") if secret in shown]


def test_an_option_that_is_a_secret_is_a_reference_too() -> None:
    source = _source(_SECRETS).replace("github", "whatsapp") + "    options: {{verify_token: '{}'}}\n"
    entry = parse(source.format("env:TOKEN"), environ=ENVIRON).find("whatsapp", "a")
    assert entry is not None
    assert entry.source.options.verify_token.get_secret_value() == "a-token-of-the-tests"
    with pytest.raises(SourcesFileError, match="is no reference") as refused:
        parse(source.format("hunter2"), environ=ENVIRON)
    assert "hunter2" not in str(refused.value)


def test_who_only_reads_needs_no_secret() -> None:
    text = _source(_SECRETS).replace("github", "whatsapp") + "    options: {verify_token: 'env:NOWHERE'}\n"
    book = parse(text + "tokens: [{name: crm, tenant: acme, secrets: [env:NOWHERE]}]\n", environ=None)
    entry = book.find("whatsapp", "a")
    assert entry is not None
    assert (entry.source.tenant, entry.source.secrets, entry.source.options.verify_token) == ("t", (), None)
    assert book.tokens == frozenset()
    with pytest.raises(SourcesFileError, match="is no channel"):
        parse(text.replace("whatsapp", "pigeon"), environ=None)


def test_a_secret_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"from a file\n")
    path = tmp_path / "sources.yaml"
    path.write_text(f"sources: [{{name: a, vendor: github, tenant: t, secrets: ['file:{tmp_path}/secret']}}]")
    entry = load(path).find("github", "a")
    assert entry is not None
    assert entry.source.secrets == (b"from a file",)
    (tmp_path / "secret").unlink()
    with pytest.raises(SourcesFileError, match=r"sources\.yaml:1: .*secret cannot be read"):
        load(path)


def _source(more: str) -> str:
    return f"sources:\n  - name: a\n    vendor: github\n    tenant: t\n{more}"


_SECRETS = "    secrets: [env:SIGNING]\n"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "one YAML document"),
        ("sources: []", 1, "nobody could send"),
        ("sources: {}", 1, "expected a list"),
        ("sorces: []", 1, "is not known here; write one of public_url, sources, tokens"),
        ("a: [", 1, "not YAML"),
        (_source(""), 2, "secrets are missing: github signs"),
        (_source("    secrets: []\n"), 5, "is empty"),
        (_source("    secrets: [hunter2]\n"), 5, "is no reference"),
        (_source("    secrets: [12345678]\n"), 5, "is no reference"),
        (_source("    secrets: [env:NOWHERE]\n"), 5, "the environment has no NOWHERE"),
        (_source("    secrets: [env:EMPTY]\n"), 5, "is empty"),
        (_source("    secrets: ['file:/no/such/file']\n"), 5, "No such file"),
        (_source(_SECRETS + "    colour: red\n"), 6, "is not known here"),
        (_source(_SECRETS + "    options:\n      colour: red\n"), 7, "is no option of github"),
        (_source(_SECRETS + "    options:\n      priority_labels:\n        a: soon\n"), 8, "priority_labels.a"),
        (_source(_SECRETS + "    limits: {max_body_bytes: 0}\n"), 6, "above 0"),
        (_source(_SECRETS + "    limits: {requests_per_second: many}\n"), 6, "above 0"),
        (_source(_SECRETS + "    limits: {speed: 1}\n"), 6, "is not known here"),
        (_source(_SECRETS).replace("github", "pigeon"), 3, "is no channel; there are"),
        (_source(_SECRETS).replace("name: a", "name: a/b"), 2, "cannot be part of an address"),
        (_source(_SECRETS).replace("    tenant: t\n", ""), 2, "tenant is missing"),
        (_source(_SECRETS) + _source(_SECRETS).removeprefix("sources:\n"), 6, "a second source named 'a'"),
        ("public_url: hooks.example.com\n" + _source(_SECRETS), 1, "no address that vendors could call"),
        ("tokens:\n  - {name: a, tenant: t, secrets: [env:SHORT]}", 2, "can be guessed"),
        ("tokens:\n  - {name: a, tenant: t}", 2, "secrets is missing"),
        ("tokens:\n  - &a {name: a, tenant: t, secrets: [env:TOKEN]}\n  - *a", 2, "a second token"),
        (
            "tokens:\n" + "".join(f"  - {{name: {n}, tenant: t, secrets: [env:TOKEN]}}\n" for n in "ab"),
            3, "the same secret",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(SourcesFileError) as refused:
        parse(text, "sources.yaml", ENVIRON)
    assert str(refused.value).startswith(f"sources.yaml:{line}: ")
    assert says in str(refused.value)
    assert not [secret for secret in ("hunter2", "12345678", "correct-horse") if secret in str(refused.value)]


def test_every_channel_can_be_a_source() -> None:
    for vendor, connector in channels().items():
        assert vendor == connector.vendor
        assert connector.Options.model_config["extra"] == "forbid"
