"""What goes wrong is one line on stderr that says what, where and what to do; a status, and never a traceback."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
from pathlib import Path

import pytest

from schemas.topics import Topics
from sinks.clickhouse.embedded import EmbeddedDatabase
from supportpulse import processes
from supportpulse.broker import TansuBroker
from tests.cli.command import command, environment, run
from tests.connectors.samples import line

_EVENT = b'{"event_id": 1}\n'
_BAD_POLICIES = "policies:\n  - name: a\n    targets: {first_response: 5x}\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands run; there is an events file, a broken policies file and a data directory in use."""
    home = tmp_path_factory.mktemp("errors")
    (home / "e.jsonl").write_bytes(_EVENT)
    (home / "bad.yaml").write_text(_BAD_POLICIES, encoding="utf-8")
    (home / "sources.yaml").write_text("tokens:\n  - {name: crm, tenant: acme, secrets: ['file:token']}\n")
    (home / "token").write_text("of-twenty-four-bytes-long")
    for empty in ("empty.jsonl", "empty.yaml", "a-file"):
        (home / empty).write_bytes(b"")
    return home


@pytest.fixture(scope="module")
def nobody() -> str:
    """An address at which nobody answers."""
    return f"127.0.0.1:{processes.free_port()}"


_ONCE = ("up", "--once", "--events", "e.jsonl", "--data-dir", "d")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("sql", "SELECT 1", "--data-dir", "none"), ("none", "supportpulse up", "--data-dir")),
        (("up", "--once", "--events", "nope.jsonl"), ("nope.jsonl", "No such file")),
        (("up", "--once", "--events", "e.jsonl", "--events", "."), (".", "directory")),
        (("replay", "--events", "nope.jsonl"), ("nope.jsonl", "No such file")),
        (("import", "nope.jsonl", "--once"), ("nope.jsonl", "No such file")),
        (("up", "--once"), ("--events FILE",)),
        (("up", "--events", "e.jsonl"), ("--once", "supportpulse import")),
        ((*_ONCE, "--policies", "bad.yaml"), ("bad.yaml:3", "5x", "like 5m")),
        ((*_ONCE, "--policies", "none.yaml"), ("none.yaml: cannot be read (No such file or directory): name a file",)),
        ((*_ONCE, "--as-of", "yesterday"), ("yesterday", "RFC 3339")),
        ((*_ONCE, "--data-dir", "a-file"), ("a-file", "--data-dir")),
        ((*_ONCE, "--clickhouse", "http://user:hunter2@h/x"), ("clickhouse://",)),
        (("sql", "SELECT 1", "--clickhouse", "user:hunter2@127.0.0.1:9000/x"), ("--clickhouse", "percent-encode")),
        (("sql", "SELECT 1", "--clickhouse", "clickhouse://user:hunter2@h:99999/x"), ("--clickhouse", "HOST:9000")),
        (("replay", "--events", "empty.jsonl", "--facts", "no/where.jsonl"), ("no/where.jsonl", "No such file")),
        (("import", "e.jsonl", "--format", "xml"), ("xml", "uci_incidents")),
        (("import", "e.jsonl", "--timezone", "Mars"), ("Mars", "Asia/Riyadh")),
        (("worker", "--kafka", "nonsense"), ("--kafka", "HOST:PORT")),
        (("worker", "--kafka", "a:9092,b:9092"), ("--kafka", "One broker, HOST:PORT")),
        (("worker", "--kafka", "[::1]:9092"), ("--kafka", "One broker, HOST:PORT")),
        (("worker", "--metrics-port", "99999"), ("--metrics-port", "less than or equal to 65535")),
        (("topics", "--partitions", "-1"), ("--partitions", "greater than or equal to 1")),
        (("sla", "check", "empty.yaml"), ("empty.yaml", "no policies")),
        (("worker", "--until", "0=1"), ("--as-of",)),
        (("worker", "--heartbeat", "chat=soon"), ("chat=soon", "chat=5m", "SUPPORTPULSE_HEARTBEATS")),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(
    home: Path, arguments: tuple[str, ...], says: tuple[str, ...]
) -> None:
    done = run(home, *arguments)
    assert done.status == 1
    assert done.complaint.startswith("supportpulse: ")
    assert [words for words in says if words not in done.complaint] == []
    assert "hunter2" not in done.err


@pytest.mark.parametrize(
    "arguments",
    [_ONCE, ("up",), ("import", "e.jsonl"), ("worker",), ("sink",), ("topics",)],
    ids=lambda arguments: "-".join(arguments[:2]),
)
def test_a_broker_that_nobody_answers_at(home: Path, nobody: str, arguments: tuple[str, ...]) -> None:
    done = run(home, *arguments, "--kafka", nobody, seconds=20)
    assert done.status == 1
    assert nobody in done.complaint
    assert "--kafka" in done.complaint


@pytest.mark.server
def test_a_broker_without_topics(home: Path, own_tansu: TansuBroker) -> None:
    gateway = ("gateway", "--sources", "sources.yaml")
    notify = ("notify", "--to", "http://127.0.0.1:1", "--secret", "file:token")
    for arguments in (("worker",), ("sink",), gateway, notify):
        done = run(home, *arguments, "--kafka", own_tansu.address, seconds=20)
        assert done.status == 1, arguments
        assert f"run `supportpulse topics --kafka {own_tansu.address}` first" in done.complaint
        assert (Topics().alerts if arguments == notify else Topics().interactions) in done.complaint


@pytest.mark.parametrize(
    "arguments", [_ONCE, ("sql", "SELECT 1"), ("migrate",)], ids=lambda arguments: "-".join(arguments[:2])
)
def test_a_clickhouse_that_nobody_answers_at(home: Path, nobody: str, arguments: tuple[str, ...]) -> None:
    done = run(home, *arguments, "--clickhouse", f"clickhouse://user:hunter2@{nobody}/x", seconds=60)
    assert done.status == 1
    assert nobody in done.complaint
    assert "hunter2" not in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("up", "--days", "many"),
        ("up", "--days", "-1"),
        ("sql",),
        ("frobnicate",),
        ("up", "--nonsense"),
        ("worker", "--session-timeout", "-1"),
        ("follow", "log", "--tenant", "a", "--interval", "-1"),
    ],
)
def test_a_misspelt_command_is_told_how_it_is_used(home: Path, arguments: tuple[str, ...]) -> None:
    done = run(home, *arguments)
    assert done.status == 2
    assert "Traceback" not in done.err
    assert "--help" in done.err


def test_a_data_directory_has_one_user_at_a_time(home: Path) -> None:
    directory = home / "used"
    directory.mkdir()
    with (directory / "lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711")
        lock.flush()
        done = run(home, "up", "--data-dir", "used")
    assert done.status == 1
    assert "used is in use by process 4711" in done.complaint
    assert "--data-dir" in done.complaint


def test_sql_that_is_wrong_is_told_in_one_line(home: Path) -> None:
    assert run(home, "migrate", "--data-dir", "asked").status == 0
    for statement, says in (
        ("SELEC 1", "Syntax error"),
        ("SELECT nope FROM facts", "nope"),
        ("SELECT * FROM nowhere", "nowhere"),
        ("DROP TABLE metric_facts", "readonly"),
    ):
        done = run(home, "sql", statement, "--data-dir", "asked")
        assert done.status == 1
        assert says in done.complaint


def test_a_reader_that_has_seen_enough_is_no_error(home: Path) -> None:
    run(home, "migrate", "--data-dir", "asked")
    asked = subprocess.Popen(
        command("sql", "SELECT number FROM numbers(3000000)", "--data-dir", "asked"),
        cwd=home,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert asked.stdout is not None
    assert asked.stderr is not None
    asked.stdout.readline()
    asked.stdout.close()
    assert asked.stderr.read() == b""
    asked.stderr.close()
    asked.wait(20)


@pytest.mark.parametrize(("out", "says"), [(">/dev/full", "No space left"), (">&-", "stdout is closed")])
@pytest.mark.parametrize(
    "arguments", [("replay", "--events", "good.jsonl"), ("sql", "SELECT 1", "--data-dir", "asked")]
)
def test_an_answer_that_cannot_be_written(home: Path, arguments: tuple[str, ...], out: str, says: str) -> None:
    (home / "good.jsonl").write_bytes(line(0) + b"\n" + line(7, actor_kind="human"))
    if "sql" in arguments:
        run(home, "migrate", "--data-dir", "asked")
    asked = subprocess.run(
        ["sh", "-c", f'exec "$@" {out}', "sh", *command(*arguments)],
        cwd=home,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert asked.returncode == 1
    [complaint] = asked.stderr.splitlines()
    assert complaint.startswith("supportpulse: ")
    assert says in complaint


@pytest.mark.parametrize(("who", "live"), [("SINK", False), ("SINK", True), ("WORKER", True)])
def test_a_port_that_is_taken_is_told_before_anything_starts(home: Path, who: str, live: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        setting = f"SUPPORTPULSE_{who}_METRICS_PORT"
        port = str(taken.getsockname()[1])
        env = environment(**{setting: port}, **({"TTY_COMPATIBLE": "1", "FORCE_COLOR": "1"} if live else {}))
        done = run(home, "up", "--data-dir", "never", env=env, seconds=20)
    assert done.status == 1
    assert f"127.0.0.1:{port}" in done.complaint
    assert setting in done.complaint
    assert not (home / "never").exists()


def test_a_home_that_cannot_be_written_to(home: Path) -> None:
    env = environment(HOME=str(home / "a-file"))
    env.pop("CALF_TANSU_BIN", None)
    done = run(home, *_ONCE, env=env, seconds=60)
    assert done.status == 1
    assert [words for words in ("HOME", "--kafka") if words not in done.complaint] == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("sql", "SELECT 1"), "ask again"),
        (("migrate",), "End it first"),
        (("sla", "simulate", "--policies", "good.yaml"), "End it first"),
    ],
)
def test_what_another_process_has_open(home: Path, arguments: tuple[str, ...], says: str) -> None:
    (home / "good.yaml").write_text("policies:\n  - name: a\n    targets: {first_response: 5m}\n", encoding="utf-8")
    ours = EmbeddedDatabase(home / "open" / "clickhouse")
    try:
        done = run(home, *arguments, "--data-dir", "open")
    finally:
        ours.close()
    assert done.status == 1
    assert f"another process ({os.getpid()})" in done.complaint
    assert says in done.complaint


def test_a_variable_that_cannot_be_used_is_named(home: Path) -> None:
    done = run(home, "worker", env=environment(SUPPORTPULSE_WORKER_METRICS_PORT="ninety"))
    assert done.status == 1
    assert "SUPPORTPULSE_WORKER_METRICS_PORT cannot be used: input should be a valid integer" in done.complaint
    assert "ninety" not in done.complaint
