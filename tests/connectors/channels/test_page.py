"""docs/channels.md says what the code does."""

from __future__ import annotations

import pytest

from tests.connectors.channels import page

_HINT = "python -m tests.connectors.channels.page writes it anew"


def test_every_channel_has_samples() -> None:
    assert page.without_a_case() == set()


def test_the_page_is_what_the_connectors_say() -> None:
    assert page.PAGE.read_text(encoding="utf-8").startswith(page.written()), _HINT


def test_the_table_is_what_becomes_of_the_payloads() -> None:
    table = page.shared_table()
    if table is None:
        pytest.skip("no payloads beside the repository")
    assert page.PAGE.read_text(encoding="utf-8").endswith(table), _HINT
