"""Prometheus and Alertmanager with the configuration that is shipped, on loopback: rules, intervals and routes as they
are in a deployment; only where to scrape and whom to tell is the test's own.

    watch.start({"supportpulse-worker": ["127.0.0.1:9464"]})
    watch.receiver.wait_for(firing("SlaBreach"))
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import msgspec
import yaml

from supportpulse import processes
from supportpulse.processes import LOOPBACK, Server, ServerMissing
from tests.servers.receiver import Delivery, Receiver

DEPLOY = Path(__file__).parents[2] / "deploy"
#: Debian calls it otherwise.
_ALERTMANAGER = ("prometheus-alertmanager", "alertmanager")


@dataclass(slots=True)
class Watch:
    """Prometheus, Alertmanager and whoever they tell, in `directory`."""

    directory: Path
    receiver: Receiver = field(default_factory=Receiver)
    prometheus_port: int = 0
    alertmanager_port: int = 0
    _servers: list[Server] = field(default_factory=list)

    def start(self, targets: Mapping[str, Sequence[str]]) -> None:
        """`targets`: job → addresses that are scraped. Raises `ServerError` where one of them cannot be had."""
        prometheus, alertmanager = find("prometheus"), find(*_ALERTMANAGER)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.receiver.start()
        server, self.alertmanager_port = processes.on_port(
            "Alertmanager", None, lambda port: self._alertmanager(alertmanager, port)
        )
        self._servers.append(server)
        server, self.prometheus_port = processes.on_port(
            "Prometheus", None, lambda port: self._prometheus(prometheus, port, targets)
        )
        self._servers.append(server)

    def stop(self) -> None:
        """Stops them. May be called again, and before `start`."""
        for server in reversed(self._servers):
            server.stop(within_seconds=5)
        self._servers.clear()
        self.receiver.stop()

    def _alertmanager(self, program: str, port: int) -> tuple[Server, int]:
        path = self.directory / "alertmanager.yml"
        path.write_text(yaml.safe_dump(told_to(self.receiver.url)), encoding="utf-8")
        command = [
            program,
            f"--config.file={path}",
            f"--storage.path={self.directory / 'alertmanager'}",
            f"--web.listen-address={LOOPBACK}:{port}",
            "--cluster.listen-address=",
        ]
        return self._start("Alertmanager", command, port), port

    def _prometheus(self, program: str, port: int, targets: Mapping[str, Sequence[str]]) -> tuple[Server, int]:
        path = self.directory / "prometheus.yml"
        path.write_text(yaml.safe_dump(scraping(targets, f"{LOOPBACK}:{self.alertmanager_port}")), encoding="utf-8")
        command = [
            program,
            f"--config.file={path}",
            f"--storage.tsdb.path={self.directory / 'prometheus'}",
            f"--web.listen-address={LOOPBACK}:{port}",
        ]
        return self._start("Prometheus", command, port, lambda: _watches(port, sum(map(len, targets.values())))), port

    def _start(self, name: str, command: list[str], port: int, watches: Callable[[], bool] = lambda: True) -> Server:
        log_path = self.directory / f"{name.lower()}.log"
        return processes.start(name, command, ready=lambda: _ready(port) and watches(), log_path=log_path)


def find(*names: str) -> str:
    """The first of these programs that is on the PATH. Raises `ServerMissing`."""
    for name in names:
        if shutil.which(name) is not None:
            return name
    raise ServerMissing(f"there is no {names[0]} on this machine: apt-get install {names[0]}")


def shipped(path: str) -> dict[str, Any]:
    """One of the files in deploy/."""
    document: dict[str, Any] = yaml.safe_load((DEPLOY / path).read_text(encoding="utf-8"))
    return document


def told_to(url: str) -> dict[str, Any]:
    """The shipped Alertmanager configuration, every webhook going to `url`, under the path that it has there."""
    config = shipped("alertmanager/alertmanager.yml")
    config["templates"] = [str(DEPLOY / "alertmanager" / pattern) for pattern in config["templates"]]
    for receiver in config["receivers"]:
        for hook in receiver.get("webhook_configs", ()):
            hook["url"] = url + urlsplit(hook["url"]).path
        # Nobody takes mail here.
        receiver.pop("email_configs", None)
    return config


def scraping(targets: Mapping[str, Sequence[str]], alertmanager: str) -> dict[str, Any]:
    """The shipped Prometheus configuration, scraping `targets` only."""
    config = shipped("prometheus/prometheus.yml")
    config["rule_files"] = [str(DEPLOY / "prometheus" / pattern) for pattern in config["rule_files"]]
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager]}]}]
    jobs = [job for job in config["scrape_configs"] if job["job_name"] in targets]
    for job in jobs:
        del job["dns_sd_configs"]
        job["static_configs"] = [{"targets": list(targets[job["job_name"]])}]
    config["scrape_configs"] = jobs
    return config


def firing(alert: str, **labels: str) -> Callable[[Delivery], bool]:
    """Whether a delivery says that this alert fires."""
    return _says(alert, "firing", labels)


def resolved(alert: str, **labels: str) -> Callable[[Delivery], bool]:
    """Whether a delivery says that this alert is over."""
    return _says(alert, "resolved", labels)


def _says(alert: str, status: str, labels: Mapping[str, str]) -> Callable[[Delivery], bool]:
    wanted = {"alertname": alert, **labels}.items()
    return lambda delivery: any(
        one["status"] == status and wanted <= one["labels"].items() for one in delivery.document["alerts"]
    )


def _ready(port: int) -> bool:
    try:
        _get(port, "/-/ready")
    except OSError:
        return False
    return True


def _watches(port: int, targets: int) -> bool:
    """Whether Prometheus has scraped every target and knows its Alertmanager: both take it some seconds."""
    scraped = msgspec.json.decode(_get(port, "/api/v1/targets?state=active"))["data"]["activeTargets"]
    told = msgspec.json.decode(_get(port, "/api/v1/alertmanagers"))["data"]["activeAlertmanagers"]
    return sum(one["health"] == "up" for one in scraped) == targets and len(told) == 1


def _get(port: int, path: str) -> bytes:
    with urlopen(f"http://{LOOPBACK}:{port}{path}", timeout=2) as answer:
        found: bytes = answer.read()
        return found
