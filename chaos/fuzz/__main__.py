"""`python -m chaos.fuzz`."""

from __future__ import annotations

from chaos.fuzz.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
