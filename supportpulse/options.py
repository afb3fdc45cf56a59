"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

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
