"""Compiled modules in place of the plain ones, where a C compiler was there to make them: `python -m speedups build`.

    speedups.install_finder()   # first thing in a package that has modules on the list
    speedups.state()            # compiled, or plain and why

The sources are the same. What was compiled is used only if it was made of the sources as they are now, and all of it or
none. SUPPORTPULSE_PLAIN=1 asks for the plain ones.
"""

from __future__ import annotations

from speedups.finder import State, install_finder, state

__all__ = ["State", "install_finder", "state"]
