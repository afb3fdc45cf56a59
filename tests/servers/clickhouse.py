"""A ClickHouse server of its own, on loopback, in a scratch directory: Debian's of 2018, or a newer one on the PATH."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import urllib.request
from dataclasses import dataclass
from typing import ClassVar

from supportpulse import processes
from supportpulse.processes import LOOPBACK, Server, ServerError, ServerMissing
from tests.servers.own import OwnServer

# 18.16 wants the root element to be called yandex; later ones take both names.
CONFIG = """\
<?xml version="1.0"?>
<yandex>
  <logger>
    <level>warning</level>
    <log>{directory}/clickhouse.log</log>
    <errorlog>{directory}/clickhouse.err.log</errorlog>
    <size>50M</size>
    <count>1</count>
  </logger>
  <listen_host>{host}</listen_host>
  <http_port>{http_port}</http_port>
  <tcp_port>{port}</tcp_port>
  <path>{directory}/data/</path>
  <tmp_path>{directory}/tmp/</tmp_path>
  <user_files_path>{directory}/user_files/</user_files_path>
  <format_schema_path>{directory}/format_schemas/</format_schema_path>
  <users_config>users.xml</users_config>
  <default_profile>default</default_profile>
  <default_database>default</default_database>
  <timezone>UTC</timezone>
  <mark_cache_size>67108864</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <max_concurrent_queries>64</max_concurrent_queries>
</yandex>
"""

USERS = f"""\
<?xml version="1.0"?>
<yandex>
  <profiles><default><max_memory_usage>1000000000</max_memory_usage><max_threads>2</max_threads></default></profiles>
  <users>
    <default>
      <password></password>
      <networks><ip>{LOOPBACK}</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
    </default>
  </users>
  <quotas><default></default></quotas>
</yandex>
"""


@dataclass(slots=True)
class ClickHouseServer(OwnServer):
    """One server in `directory`. Started again after `stop` or `kill`, it has what it had, on the same ports."""

    NAME: ClassVar[str] = "ClickHouse"
    STOP_SECONDS: ClassVar[float] = 20

    http_port: int | None = None

    @property
    def url(self) -> str:
        """For clickhouse-driver: clickhouse://default@127.0.0.1:PORT/default."""
        if self.port is None:
            raise self._not_started()
        return f"clickhouse://default@{LOOPBACK}:{self.port}/default"

    def start(self) -> str:
        """Returns the URL when the server answers on both ports. Raises `ServerError`, saying what to install."""
        command = find_command()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._server, self.port = processes.on_port("ClickHouse", self.port, lambda port: self._start_on(command, port))
        return self.url

    def version(self) -> tuple[int, int]:
        """The server's year and month of release, e.g. (18, 16)."""
        found = re.match(r"(\d+)\.(\d+)", self.ask("SELECT version()"))
        if found is None:
            raise ServerError(f"ClickHouse on {self.url} does not say which version it is")
        return int(found[1]), int(found[2])

    def ask(self, sql: str) -> str:
        """The answer to one query over HTTP, as tab-separated text, for looking at a server from a test."""
        request = f"http://{LOOPBACK}:{self.http_port}/"
        with urllib.request.urlopen(request, data=sql.encode(), timeout=30) as answer:
            text: str = answer.read().decode()
            return text.rstrip("\n")

    def _start_on(self, command: list[str], port: int) -> tuple[Server, int]:
        http_port = self.http_port or processes.free_port()
        config = CONFIG.format(host=LOOPBACK, port=port, http_port=http_port, directory=self.directory)
        (self.directory / "config.xml").write_text(config, encoding="utf-8")
        (self.directory / "users.xml").write_text(USERS, encoding="utf-8")
        server = processes.start(
            "ClickHouse",
            [*command, f"--config-file={self.directory / 'config.xml'}"],
            ready=lambda: processes.accepts(port) and _pings(http_port),
            log_path=self.log_path,
        )
        self.http_port = http_port
        return server, port


def _pings(http_port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{http_port}/ping", timeout=2) as answer:
            return bool(answer.read() == b"Ok.\n")
    except OSError:
        return False


def find_command() -> list[str]:
    """The command that runs a server: `clickhouse server` where there is one, else Debian's. Raises `ServerMissing`."""
    one_binary = shutil.which("clickhouse")
    if one_binary is not None and _is_multi_tool(one_binary):
        return [one_binary, "server"]
    # Debian puts it beside the daemons, which is not on everybody's PATH.
    server = shutil.which("clickhouse-server", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
    if server is None:
        raise ServerMissing("there is no ClickHouse server on this machine: apt-get install clickhouse-server")
    return [server]


def _is_multi_tool(binary: str) -> bool:
    # pip's chDB packages may bring a script of the same name that is no server.
    done = subprocess.run([binary, "server", "--version"], capture_output=True, text=True, check=False, timeout=30)
    return "ClickHouse server version" in done.stdout
