"""Settings: from the environment (`SUPPORTPULSE_…`), overridden by options of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.errors import SupportpulseError

#: What `clickhouse` says when ClickHouse runs inside the process.
EMBEDDED = "embedded"

#: Field → its option, where that has another name.
_OPTIONS = {
    "worker_metrics_port": "metrics-port",
    "sink_metrics_port": "metrics-port",
    "notify_metrics_port": "metrics-port",
    "gateway_port": "port",
    "interactions_partitions": "partitions",
    "heartbeats": "heartbeat",
}


class SettingsError(SupportpulseError):
    """A setting has a value that cannot be used. Says which option or variable, and why."""


class Settings(BaseSettings):
    """Everything a part needs to find the others. Every field is an environment variable `SUPPORTPULSE_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="SUPPORTPULSE_", extra="ignore", frozen=True)

    kafka: str = Field(
        "127.0.0.1:9092", description="One broker, HOST:PORT: the others are learnt from it.", pattern=r"^[^\s:]+:\d+$"
    )
    clickhouse: str = Field(EMBEDDED, description="clickhouse://USER:PASSWORD@HOST:PORT/DATABASE, or 'embedded'.")
    data_dir: Path = Field(Path("data"), description="Where the embedded ClickHouse, logs and locks live.")
    policies: Path | None = Field(None, description="The policies file (YAML).")
    host: str = Field("127.0.0.1", description="What everything that listens binds to.")
    worker_metrics_port: int = Field(9464, ge=0, le=65535, description="The worker's /metrics.")
    sink_metrics_port: int = Field(9465, ge=0, le=65535, description="The sink's /metrics.")
    gateway_port: int = Field(8420, ge=0, le=65535, description="Where the gateway takes webhooks.")
    sources: Path | None = Field(None, description="The sources file of the gateway (YAML).")
    notify_metrics_port: int = Field(9466, ge=0, le=65535, description="The notifier's /metrics.")
    sql_port: int = Field(0, ge=0, le=65535, description="The embedded ClickHouse's query endpoint; 0: a free one.")
    interactions_partitions: int = Field(4, ge=1, le=1024, description="Partitions of each topic that is made.")
    replication: int = Field(1, ge=1, le=9, description="Replicas of each topic that is made.")
    heartbeats: str = Field("", description="SOURCE=5m,OTHER=30s: how long a source may be silent.")
    refused_run: int = Field(50, ge=0, description="Refused records in a row at which a worker stops; 0: never.")
    refused_share: float = Field(
        0.2, gt=0, le=1, description="Share of the last 10,000 records refused above which a worker stops; 1: never."
    )

    @property
    def named_kafka(self) -> str | None:
        """The broker that an option or the environment names; None: nobody named one."""
        return self.kafka if "kafka" in self.model_fields_set else None

    @property
    def embedded(self) -> bool:
        """Whether ClickHouse runs inside the process."""
        return self.clickhouse == EMBEDDED


def load(**overrides: Any) -> Settings:
    """The settings of the environment, with what the command line says on top (None: not said)."""
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        wanted = Settings.model_fields[name].description if name in Settings.model_fields else ""
        said = f"SUPPORTPULSE_{name.upper()}"
        if overrides.get(name) is not None:
            said = f"--{_OPTIONS.get(name, name.replace('_', '-'))}"
        # What was given is not repeated: it may be an address with a password. A pattern is said by the description.
        why = "" if first["type"] == "string_pattern_mismatch" else f": {first['msg'][:1].lower()}{first['msg'][1:]}"
        raise SettingsError(f"{said} cannot be used{why}. {wanted}".rstrip()) from exc
