"""docs/alerting.md names every alert there is, and its sample of code does what it says."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Any

from sinks.notifier.message import signature_of
from sinks.prometheus import catalogue
from streams.sla import policy_file
from tests.deploy.files import ROOT
from tests.deploy.test_alerting import ALERTS

TEXT = (ROOT / "docs" / "alerting.md").read_text(encoding="utf-8")


def test_every_alert_is_in_the_table() -> None:
    table = TEXT.partition("| alert |")[2].partition("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| ") and row[2].isupper()]
    assert {name.strip() for row in rows for name in row.split(",")} == {alert["alert"] for alert in ALERTS}


def test_the_metrics_that_are_named_exist_with_these_labels() -> None:
    known = {metric.name: set(metric.labels) for metric in catalogue.ALL}
    rows = [row.split("|")[1:4] for row in TEXT.splitlines() if row.startswith("| `supportpulse_")]
    named = {name: labels for names, labels, _ in rows for name in re.findall(r"supportpulse_\w+", names)}
    assert {metric.name for metric in (*catalogue.TIMERS, *catalogue.NOTIFIER)} <= named.keys() <= known.keys()
    for name, labels in named.items():
        if ";" not in labels:
            assert {label.strip() for label in labels.split(",")} == known[name], name


def test_the_sample_of_a_receiver_tells_ours_from_others() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names: dict[str, Any] = {"hmac": hmac, "hashlib": hashlib}
    exec(code, names)
    is_ours: Callable[[str, bytes, bytes], bool] = names["is_ours"]
    header = signature_of(b"{}", b"secret", 1_770_000_000)
    assert is_ours(header, b"{}", b"secret")
    assert not is_ours(header, b"{ }", b"secret")
    assert not is_ours(header, b"{}", b"another")
    assert not is_ours(header.replace("t=177", "t=178"), b"{}", b"secret")


def test_the_policies_that_are_shown_can_be_loaded() -> None:
    samples = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    books = [policy_file.parse(sample if "policies:" in sample else f"{sample}policies: []\n") for sample in samples]
    assert [len(book.versions) for book in books] == [2, 1]
    office = books[1].versions[0].calendars["office"]
    assert office.holidays_of is not None
