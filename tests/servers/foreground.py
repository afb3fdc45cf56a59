"""The command line of `scripts/kafka-server` and `scripts/clickhouse-server`: a server in the foreground."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from supportpulse.processes import ServerError, tail
from tests.servers.clickhouse import ClickHouseServer
from tests.servers.kafka import VERSION, KafkaServer

HELP = {
    "kafka": f"Runs Apache Kafka {VERSION} (one node, KRaft) on loopback until it is stopped. Needs Java 17; "
    "the jars come from Maven Central the first time and are kept in ${XDG_CACHE_HOME:-~/.cache}/supportpulse.",
    "clickhouse": "Runs a ClickHouse server on loopback until it is stopped: the one on the PATH, "
    "e.g. Debian's (apt-get install clickhouse-server).",
}


def main(arguments: list[str]) -> int:
    """`kafka` or `clickhouse`, then options. 0 after a stop that was asked for, 1 when the server cannot be had."""
    which = arguments[0]
    options = _options(which, arguments[1:])
    # Before anything is made, so that a signal at any later moment, a download included, passes through the finally.
    _on_signals(_leave)
    directory = options.dir or Path(tempfile.mkdtemp(prefix=f"{which}-server-"))
    server = KafkaServer(directory, options.port) if which == "kafka" else ClickHouseServer(directory, options.port)
    try:
        address = server.start()
        _say(server, address)
        while server.running:
            time.sleep(0.2)
        raise ServerError(f"{which} ended by itself:\n{tail(server.log_path)}")
    except ServerError as exc:
        print(f"{which}-server: {exc}", file=sys.stderr)
        return 1
    finally:
        _on_signals(signal.SIG_IGN)
        server.stop()
        # A directory that somebody named is theirs.
        if not options.keep and options.dir is None:
            shutil.rmtree(directory, ignore_errors=True)


def _on_signals(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, handler)


def _leave(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _say(server: KafkaServer | ClickHouseServer, address: str) -> None:
    print(f"ready on {address}", flush=True)
    if isinstance(server, ClickHouseServer):
        print(f"HTTP on http://127.0.0.1:{server.http_port}/", flush=True)
    print(f"in {server.directory}, log in {server.log_path.name}; Ctrl-C stops it", flush=True)


def _options(which: str, arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"scripts/{which}-server", description=HELP[which])
    parser.add_argument("--port", type=int, help="the port to listen on (default: a free one)")
    parser.add_argument("--dir", type=_folder, help="where data and logs go, kept (default: a scratch directory)")
    parser.add_argument("--keep", action="store_true", help="leave the scratch directory behind")
    return parser.parse_args(arguments)


def _folder(text: str) -> Path:
    return Path(text).absolute()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
