"""Rules, routes and templates: Prometheus' and Alertmanager's own tools look at them, and every rule has been tried."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from sinks.prometheus import catalogue
from sinks.prometheus.catalogue import Kind
from supportpulse.processes import ServerMissing
from tests.deploy.files import ROOT
from tests.servers.plugin import available

PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTMANAGER = ROOT / "deploy" / "alertmanager"
CONFIG = ALERTMANAGER / "alertmanager.yml"
RULE_FILES = sorted((PROMETHEUS / "rules").glob("*.yml"))
RULE_TESTS = sorted((Path(__file__).parent / "rules").glob("*.test.yml"))
RULES: list[dict[str, Any]] = [
    rule
    for path in RULE_FILES
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]
RECORDS = [rule for rule in RULES if "record" in rule]

#: Program → Debian's package.
PACKAGES = {"promtool": "prometheus", "amtool": "prometheus-alertmanager"}
each_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])


def tool(*command: object, cwd: Path = ROOT) -> str:
    """What the program says. Where it is missing the test is skipped, or fails where servers are required."""
    name = str(command[0])
    with available(name):
        if shutil.which(name) is None:
            raise ServerMissing(f"there is no {name} on this machine: apt-get install {PACKAGES[name]}")
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_takes_its_configuration_and_every_file_of_rules() -> None:
    shown = tool("promtool", "check", "config", PROMETHEUS / "prometheus.yml")
    assert f"{len(RULE_FILES)} rule files found" in shown
    tool("promtool", "check", "rules", "--lint=all", "--lint-fatal", *RULE_FILES)


@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.name)
def test_rules_come_to_what_their_tests_say(path: Path) -> None:
    tool("promtool", "test", "rules", path.name, cwd=path.parent)


def test_a_rule_that_came_to_something_else_would_be_seen(tmp_path: Path) -> None:
    text = (Path(__file__).parent / "rules" / "live.test.yml").read_text(encoding="utf-8")
    wrong = text.replace("../../..", str(ROOT)).replace("value: 70", "value: 110")
    (tmp_path / "live.test.yml").write_text(wrong, encoding="utf-8")
    with pytest.raises(AssertionError, match="FAILED"):
        tool("promtool", "test", "rules", "live.test.yml", cwd=tmp_path)


def tried() -> tuple[set[str], set[str], set[str]]:
    """Alerts that rang in a test, alerts that did not, and expressions."""
    rang: set[str] = set()
    silent: set[str] = set()
    expressions: set[str] = set()
    for path in RULE_TESTS:
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            expressions |= {check["expr"] for check in case.get("promql_expr_test", ())}
            for check in case.get("alert_rule_test", ()):
                (rang if check["exp_alerts"] else silent).add(check["alertname"])
    return rang, silent, expressions


@each_alert
def test_every_alert_has_rung_and_been_silent_in_a_test(alert: dict[str, Any]) -> None:
    rang, silent, _ = tried()
    assert alert["alert"] in rang
    assert alert["alert"] in silent


@pytest.mark.parametrize("rule", RECORDS, ids=lambda rule: rule["record"])
def test_every_recorded_series_has_been_looked_at_in_a_test(rule: dict[str, Any]) -> None:
    expressions = " ".join(tried()[2])
    assert re.search(rf"{rule['record']}(?![\w:])", expressions)


def shown_names() -> set[str]:
    """Every series that a scrape can bring: the catalogue's, those of histograms by their parts."""
    found = {"up"}
    for metric in catalogue.ALL:
        parts = ("_bucket", "_sum", "_count") if metric.kind is Kind.HISTOGRAM else ("",)
        found |= {metric.name + part for part in parts}
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_rules_ask_only_for_what_there_is(rule: dict[str, Any]) -> None:
    asked = set(re.findall(r"(?<![\w\"])(?:[a-z_]+:)?supportpulse_[\w:]+", rule["expr"]))
    recorded = {other["record"] for other in RECORDS}
    assert asked <= shown_names() | recorded
    assert asked or "up{" in rule["expr"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_rules_group_by_labels_that_are_there(rule: dict[str, Any]) -> None:
    ours = {label for metric in catalogue.ALL for label in metric.labels} | {"le"}
    for labels in re.findall(r"by \(([^)]*)\)", rule["expr"]):
        assert set(re.split(r",\s*", labels)) <= ours


@each_alert
def test_every_alert_says_what_is_wrong_and_where_to_read_what_to_do(alert: dict[str, Any]) -> None:
    annotations = alert["annotations"]
    assert set(annotations) == {"summary", "description", "runbook_url"}
    page = ROOT / annotations["runbook_url"]
    assert page.is_file()
    title = page.read_text(encoding="utf-8").splitlines()[0]
    assert re.search(rf"\b{alert['alert']}\b", title), f"{page.name} is not about {alert['alert']}"
    assert alert["labels"]["severity"] in {"page", "ticket"}


def test_every_runbook_belongs_to_an_alert() -> None:
    pages = {f"docs/runbooks/{path.name}" for path in (ROOT / "docs" / "runbooks").glob("*.md")}
    assert pages == {alert["annotations"]["runbook_url"] for alert in ALERTS}


# --- Alertmanager ----------------------------------------------------------------------------------------------------


def test_alertmanager_takes_its_configuration() -> None:
    shown = tool("amtool", "check-config", CONFIG)
    assert "1 templates" in shown


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=SlaBreach severity=page tenant=noor-bank team=cards channel=voice", "noor-bank-cards"),
        ("alertname=SlaBreach severity=page tenant=noor-bank team=fraud channel=voice", "noor-bank"),
        ("alertname=SlaBreach severity=page tenant=acme-retail channel=email", "acme-retail"),
        ("alertname=SlaBreach severity=page tenant=fala-mobile team=cards channel=email", "desk"),
        ("alertname=SlaBudgetBurnsFast severity=page tenant=noor-bank metric=sla_resolution", "noor-bank"),
        ("alertname=OldestWait severity=ticket tenant=noor-bank team=cards channel=email", "desk-mail"),
        ("alertname=SourceUnknown severity=ticket tenant=noor-bank source=chat", "desk-mail"),
        ("alertname=WorkerDown severity=page job=supportpulse-worker", "operators"),
        ("alertname=SinkBehind severity=ticket topic=metric-facts", "operators"),
    ],
)
def test_alerts_reach_whom_they_concern(labels: str, receiver: str) -> None:
    tool("amtool", "config", "routes", "test", f"--config.file={CONFIG}", f"--verify.receivers={receiver}",
         *labels.split())  # fmt: skip


def config() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    return document


def test_inhibitions_and_routes_name_alerts_and_labels_that_there_are() -> None:
    names = {alert["alert"] for alert in ALERTS}
    for rule in config()["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            found = re.fullmatch(r'alertname=~?"([\w|]+)"', matcher)
            assert found is not None
            assert set(found[1].split("|")) <= names
    labels = {label for metric in catalogue.ALL for label in metric.labels}
    assert {label for rule in config()["inhibit_rules"] for label in rule.get("equal", ())} <= labels


def test_no_receiver_is_real_and_every_one_hears_that_it_is_over() -> None:
    for receiver in config()["receivers"]:
        used = [*receiver.get("webhook_configs", ()), *receiver.get("email_configs", ())]
        assert [one["send_resolved"] for one in used] == [True]
        assert re.match(r"http://127\.0\.0\.1:|[\w.-]+@example\.com$", used[0].get("url") or used[0]["to"])


def test_messages_name_what_fires_and_what_is_over(tmp_path: Path) -> None:
    breach = {
        "status": "firing",
        "labels": {"alertname": "SlaBreach", "tenant": "acme", "team": "vip"},
        "annotations": {"summary": "too late", "description": "still open", "runbook_url": "docs/runbooks/x.md"},
        "startsAt": "2026-03-10T09:00:00Z",
    }
    over = {**breach, "status": "resolved", "endsAt": "2026-03-10T10:00:00Z", "annotations": {"summary": "was late"}}
    data = {
        "status": "firing",
        "alerts": [breach, over],
        "groupLabels": {"tenant": "acme", "team": "vip"},
        "commonLabels": {"alertname": "SlaBreach"},
    }
    path = tmp_path / "data.json"
    path.write_text(json.dumps(data), encoding="utf-8")

    def rendered(name: str) -> str:
        return tool(
            *("amtool", "template", "render", f"--template.glob={ALERTMANAGER / 'templates' / '*.tmpl'}"),
            *(f'--template.text={{{{ template "supportpulse.{name}" . }}}}', f"--template.data={path}"),
        )

    assert rendered("title") == "[1] SlaBreach · acme / vip"
    assert rendered("text").splitlines() == [
        "too late",
        "  still open",
        "  since 2026-03-10 09:00:00 UTC; what to do: docs/runbooks/x.md",
        "over since 2026-03-10 10:00:00 UTC: was late",
    ]
