"""docker-compose.yml against the Compose Specification and against the code that it runs."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from jsonschema.validators import validator_for
from prometheus_client import CollectorRegistry

from connectors.gateway import sources_file
from sinks.prometheus.server import MetricsServer
from streams.sla import policy_file
from tests.deploy.files import (
    PREFIX,
    ROOT,
    commands,
    compose,
    compose_spec,
    env_file,
    environment,
    ours,
    services,
    settings_of,
)
from tests.servers import kafka

EXPECTED = {"kafka", "clickhouse", "prometheus", "alertmanager", "topics", "migrate", "worker", "sink", "gateway"}
EXAMPLE = ROOT / "deploy" / "secrets.env.example"
LATER = {"gateway"}  # behind a profile until the command is there

each_service = pytest.mark.parametrize("name", sorted(services()))
each_of_ours = pytest.mark.parametrize("name", sorted(ours()))


def errors(document: dict[str, Any]) -> list[str]:
    found = validator_for(compose_spec())(compose_spec()).iter_errors(document)
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in found]


def test_the_file_is_what_the_compose_specification_allows() -> None:
    assert errors(compose()) == []


def test_a_misspelt_key_would_be_seen() -> None:
    broken = copy.deepcopy(compose())
    broken["services"]["worker"]["heathcheck"] = {}
    broken["services"]["sink"]["restart"] = ["always"]
    assert [error.split(":")[0] for error in errors(broken)] == ["services/worker", "services/sink/restart"]


def test_every_part_is_there() -> None:
    assert set(services()) == EXPECTED


@each_service
def test_what_is_published_is_published_on_loopback(name: str) -> None:
    for port in services()[name].get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port), port


def test_no_two_services_publish_the_same_port() -> None:
    published = [port.split(":")[1] for service in services().values() for port in service.get("ports", ())]
    assert len(published) == len(set(published))


@each_service
def test_images_are_pinned(name: str) -> None:
    tag = services()[name]["image"].partition(":")[2]
    assert re.match(r"v?\d", tag)


@each_service
def test_nobody_is_root(name: str) -> None:
    user = str(services()[name].get("user", ""))
    if name in ours():
        # The image says who.
        assert user == ""
    else:
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


@each_of_ours
def test_our_containers_can_do_no_more_than_they_need(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@each_service
def test_whoever_is_waited_for_can_be_waited_for(name: str) -> None:
    for other, how in services()[name].get("depends_on", {}).items():
        if how["condition"] == "service_healthy":
            assert "healthcheck" in services()[other]
        else:
            assert how["condition"] == "service_completed_successfully"
            assert services()[other]["restart"] == "no"


@each_service
def test_what_stays_is_checked_and_comes_back(name: str) -> None:
    service = services()[name]
    assert ("healthcheck" in service) == (service["restart"] != "no")


def mounts() -> Iterator[tuple[str, str, str]]:
    """Service, source, target."""
    for name, service in services().items():
        for volume in service.get("volumes", ()):
            source, target, *_ = volume.split(":")
            yield name, source, target


def test_every_volume_is_declared_and_used_and_every_file_is_there() -> None:
    named = {source for _, source, _ in mounts() if not source.startswith(".")}
    assert named == set(compose()["volumes"])
    for _, source, _ in mounts():
        assert not source.startswith(".") or (ROOT / source).exists(), source


@pytest.mark.parametrize(
    ("name", "storage", "beside"),
    [("prometheus", "--storage.tsdb.path", "rules"), ("alertmanager", "--storage.path", "templates")],
)
def test_who_watches_reads_the_files_that_are_mounted(name: str, storage: str, beside: str) -> None:
    targets = {target for mounted, _, target in mounts() if mounted == name}
    options = dict(option.split("=", 1) for option in services()[name]["command"])
    config = PurePosixPath(options["--config.file"])
    # Their configurations name rules and templates by paths that begin where they lie themselves.
    assert {str(config), str(config.parent / beside), options[storage]} == targets


def test_prometheus_tells_alertmanager() -> None:
    text = (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    (manager,) = yaml.safe_load(text)["alerting"]["alertmanagers"]
    (port,) = services()["alertmanager"]["ports"]
    assert manager["static_configs"] == [{"targets": [f"alertmanager:{port.rpartition(':')[2]}"]}]


def test_kafka_and_clickhouse_keep_their_data_in_a_volume() -> None:
    targets = {(name, target) for name, _, target in mounts()}
    assert ("kafka", services()["kafka"]["environment"]["KAFKA_LOG_DIRS"]) in targets
    assert ("clickhouse", "/var/lib/clickhouse") in targets


def test_kafka_is_the_version_that_the_tests_run() -> None:
    assert services()["kafka"]["image"] == f"apache/kafka:{kafka.VERSION}"


def test_kafka_is_where_everybody_looks_for_it() -> None:
    advertised = services()["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    addresses = {listener.split("://")[1] for listener in advertised}
    assert {environment(name)["SUPPORTPULSE_KAFKA"] for name in ours()} == {"kafka:19092"} <= addresses
    published = {port.rpartition(":")[0] for port in services()["kafka"]["ports"]}
    assert published <= addresses


def test_clickhouse_is_recent_enough() -> None:
    major, minor = services()["clickhouse"]["image"].rpartition(":")[2].split(".")[:2]
    assert (int(major), int(minor)) >= (24, 8)


def test_the_secrets_agree_with_each_other_and_are_nowhere_else() -> None:
    secrets = env_file(EXAMPLE)
    url = urlsplit(secrets["SUPPORTPULSE_CLICKHOUSE"])
    assert (url.hostname, url.port) == ("clickhouse", 9000)
    assert url.username == secrets["CLICKHOUSE_USER"]
    assert url.password == secrets["CLICKHOUSE_PASSWORD"]
    assert url.path == f"/{secrets['CLICKHOUSE_DB']}"
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert "PASSWORD" not in text
    assert url.password not in text
    assert (ROOT / "deploy" / ".gitignore").read_text(encoding="utf-8").split() == ["secrets.env", "gateway.env"]


def test_only_who_needs_the_secrets_gets_them() -> None:
    given = {name for name, service in services().items() if service.get("env_file")}
    assert given == {"clickhouse", "migrate", "sink", "worker", "gateway"}
    assert services()["gateway"]["env_file"] == ["deploy/gateway.env"]


@each_of_ours
def test_every_setting_exists_and_takes_its_value(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(name, monkeypatch)
    fields = {PREFIX + field.upper() for field in type(settings).model_fields}
    given = {key for key in environment(name) if key.startswith(PREFIX)}
    assert given <= fields
    assert settings.kafka == "kafka:19092"
    assert settings.host == "0.0.0.0"
    if "SUPPORTPULSE_CLICKHOUSE" in given:
        assert settings.clickhouse == env_file(EXAMPLE)["SUPPORTPULSE_CLICKHOUSE"]


@each_of_ours
def test_the_settings_point_into_the_container(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(name, monkeypatch)
    assert str(settings.policies) in {target for mounted, _, target in mounts() if mounted == name}
    writable = {entry.split(":")[0] for entry in services()[name]["tmpfs"]}
    assert str(settings.data_dir) in writable
    assert all(PurePosixPath(path).is_absolute() for path in writable)


@each_of_ours
def test_every_command_exists(name: str) -> None:
    command, *options = services()[name]["command"]
    assert options == []
    if name not in LATER or command in commands():
        assert command in commands()
    else:
        assert services()[name]["profiles"] == [name]


@pytest.mark.parametrize(
    ("name", "setting"),
    [("worker", "worker_metrics_port"), ("sink", "sink_metrics_port"), ("gateway", "gateway_port")],
)
def test_ports_are_the_ones_the_code_listens_on(name: str, setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    port = getattr(settings_of(name, monkeypatch), setting)
    service = services()[name]
    inside = {int(str(entry).rpartition(":")[2]) for entry in [*service.get("expose", ()), *service.get("ports", ())]}
    assert inside == {port}
    assert str(port) in " ".join(service["healthcheck"]["test"])


@pytest.mark.parametrize(("name", "setting"), [("worker", "worker_metrics_port"), ("sink", "sink_metrics_port")])
@pytest.mark.parametrize("well", [True, False])
def test_a_health_check_asks_what_the_code_answers(
    name: str, setting: str, well: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MetricsServer(CollectorRegistry(), port=0, health=lambda: (well, "as told"))
    server.start()
    try:
        port = str(getattr(settings_of(name, monkeypatch), setting))
        _, _, option, code = services()[name]["healthcheck"]["test"]
        command = [sys.executable, option, code.replace(port, str(server.port))]
        assert (subprocess.run(command, check=False, capture_output=True).returncode == 0) is well
    finally:
        server.stop()


def test_the_example_sources_can_be_loaded() -> None:
    book = sources_file.load(ROOT / "deploy" / "sources.yaml", environment("gateway"))
    assert book.tokens == {"first"}


def test_the_example_policies_can_be_loaded() -> None:
    book = policy_file.load(ROOT / "deploy" / "policies.yaml")
    assert len(book) == 3
