"""python -m speedups                  # which code runs, and why
python -m speedups build [--force]  # compile what changed, or everything
python -m speedups possible         # whether a C compiler is there: status 0, or 3 and what is missing
"""

from __future__ import annotations

import sys
import time

from speedups.building import build
from speedups.finder import state
from speedups.project import Project
from speedups.toolchain import BuildError, NoCompiler, c_compiler

_FAILED, _USAGE, _NO_COMPILER, _INTERRUPTED = 1, 2, 3, 130


def main(arguments: list[str]) -> int:
    """The status."""
    try:
        match arguments:
            case []:
                now = state()
                print(now if now.compiled else f"{now}: {now.why}. To change it: {now.remedy}")
            case ["possible"]:
                c_compiler()
            case ["build"]:
                _build(force=False)
            case ["build", "--force"]:
                _build(force=True)
            case _:
                print(__doc__, file=sys.stderr)
                return _USAGE
    except NoCompiler as exc:
        print(f"the hot path runs as plain Python, which is slower: {exc}; then run scripts/install", file=sys.stderr)
        return _NO_COMPILER
    except (BuildError, OSError) as exc:
        print(f"the hot path was not compiled and runs as plain Python, which is slower: {exc}", file=sys.stderr)
        return _FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def _build(force: bool) -> None:
    start, told = time.monotonic(), False
    terminal = sys.stdout.isatty()

    def tell(line: str) -> None:
        nonlocal told
        if terminal:
            print(f"\r\033[K{line}", end="", flush=True)
        elif not told:
            print(line, flush=True)
        told = True

    try:
        made = build(Project(), force, tell)
    finally:
        if terminal and told:
            print("\r\033[K", end="", flush=True)
    if told:
        took = f"{time.monotonic() - start:.0f} s"
        print(f"the hot path is compiled: {len(made.extensions)} modules, Cython {made.cython}, in {took}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
