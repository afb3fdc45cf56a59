"""A secret comes from where its reference says, and is in no error."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas import secrets
from schemas.secrets import SecretUnreadable

ENVIRON = {"HERE": "hunter2", "EMPTY": "", "ODD": b"\xffodd".decode("utf-8", "surrogateescape")}


def test_from_the_environment() -> None:
    assert secrets.read("env:HERE", ENVIRON) == b"hunter2"
    assert secrets.read("env:ODD", ENVIRON) == b"\xffodd"


@pytest.mark.parametrize(
    ("lies", "read"),
    [(b"hunter2", b"hunter2"), (b"hunter2\r\n", b"hunter2"), (b" a\nb \n", b" a\nb "), (b"\xff", b"\xff")],
)
def test_from_a_file_without_its_last_line_s_end(tmp_path: Path, lies: bytes, read: bytes) -> None:
    (tmp_path / "a:secret").write_bytes(lies)
    assert secrets.read(f"file:{tmp_path}/a:secret") == read


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("env:NOWHERE", "the environment has no NOWHERE"),
        ("env:EMPTY", "the secret at env:EMPTY is empty"),
        ("file:/no/such/file", "/no/such/file cannot be read: No such file"),
        ("file:/\0", "none that a file could have"),
        ("file:", "is no reference"),
        ("env:", "is no reference"),
        ("", "is no reference"),
        ("hunter2", "is no reference"),
        ("vault:hunter2", "is no reference"),
        (12345678, "is no reference"),
        (None, "is no reference"),
    ],
)
def test_what_cannot_be_had_is_said_and_not_shown(reference: object, says: str) -> None:
    with pytest.raises(SecretUnreadable) as told:
        secrets.read(reference, ENVIRON)
    assert says in str(told.value)
    assert "hunter2" not in str(told.value)
    assert "12345678" not in str(told.value)


def test_an_empty_file_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"\n")
    with pytest.raises(SecretUnreadable, match="is empty"):
        secrets.read(f"file:{tmp_path}/secret")
