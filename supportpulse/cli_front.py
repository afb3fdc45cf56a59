"""What the command line says before any command: the list of them, and which release it is."""

from __future__ import annotations

from importlib import metadata
from typing import Annotated, Any

import typer

#: In the list of commands these stand before the others, in this order.
_FIRST = ("up", "sql", "import", "replay")


class BeginWithUp(typer.core.TyperGroup):
    """The commands, in an order for people."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names as they are listed: by what somebody new needs first."""
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"supportpulse {metadata.version('supportpulse')}")
        raise typer.Exit


def _main(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Say which release this is, and end.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """What stands before a command."""


def register(app: typer.Typer) -> None:
    """Put the options that stand before a command on the command line."""
    app.callback()(_main)
