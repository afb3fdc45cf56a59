"""Options that several commands share, and where they print their tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from rich.console import Console

# typer reads these annotations when it runs, and Python 3.10 cannot evaluate `X | None` in all of them.
# ruff: noqa: UP045

Events = Annotated[
    list[Path], typer.Option("--events", help="A file of events (.jsonl, .jsonl.gz); may be repeated.", metavar="FILE")
]
#: `--events a b` as well as `--events a --events b`: an option takes one value, so the others come as arguments.
MoreEvents = Annotated[Optional[list[Path]], typer.Argument(metavar="FILE", help="More files of events.")]
Policies = Annotated[
    Optional[Path],
    typer.Option(
        help="The policies file (YAML): calendars, targets, versions. Without one there are no SLAs.", metavar="FILE"
    ),
]
RewritePolicies = Annotated[
    bool,
    typer.Option(
        "--rewrite-policies",
        help="Accept policies that change what has judged already, and judge everything again by them.",
    ),
]
AsOf = Annotated[
    Optional[str],
    typer.Option(help="Judge open clocks as of this instant (RFC 3339). Default: the latest event's.", metavar="TIME"),
]
DataDir = Annotated[
    Optional[Path], typer.Option(help="Where the embedded ClickHouse and logs live (default: data).", metavar="DIR")
]
Kafka = Annotated[
    Optional[str], typer.Option(help="A Kafka of your own (default: 127.0.0.1:9092).", metavar="HOST:PORT")
]
#: Of those who look for a running `up` first.
KafkaOfUp = Annotated[
    Optional[str],
    typer.Option(
        help="A Kafka of your own (default: that of a running `up`, else 127.0.0.1:9092).", metavar="HOST:PORT"
    ),
]
DataDirOfUp = Annotated[Optional[Path], typer.Option(help="Of a running `up` (default: data).", metavar="DIR")]
ClickHouseOfUp = Annotated[
    Optional[str],
    typer.Option(help="A ClickHouse of your own (default: that of the data directory).", metavar="URL"),
]
ImportKafka = Annotated[
    Optional[str],
    typer.Option(
        help="A Kafka of your own (default: that of a running `up`, else 127.0.0.1:9092; with --once an embedded one).",
        metavar="HOST:PORT",
    ),
]
UpKafka = Annotated[
    Optional[str],
    typer.Option(help="A Kafka of your own (default: an embedded broker, in memory).", metavar="HOST:PORT"),
]
ClickHouse = Annotated[
    Optional[str],
    typer.Option(
        help="A ClickHouse of your own, clickhouse://USER:PASSWORD@HOST:PORT/DATABASE (default: an embedded one).",
        metavar="URL",
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more on stderr.")]
Own = Annotated[
    Optional[list[str]],
    typer.Option(help="Of mail: an address or a domain of yours; may be repeated.", metavar="ADDRESS"),
]
Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]
Sources = Annotated[
    Optional[Path],
    typer.Option(help="The sources file (YAML): who may send, with which secrets.", metavar="FILE"),
]
Epoch = Annotated[
    int,
    typer.Option(
        help="How many times the topic interactions was deleted and made anew: see docs/operations.md.",
        min=0,
        max=65_535,
        show_default=True,
    ),
]


def console(width: int = 150) -> Console:
    """Where tables go. `width`: where there is no terminal to ask how wide it is."""
    from rich.console import Console

    found = Console()
    return found if found.is_terminal else Console(width=width)
