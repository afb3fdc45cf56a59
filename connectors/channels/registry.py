"""Which channels there are: every `ChannelConnector` of every module of this package, found by looking.

    channels()["chatwoot"]      # the one object of that vendor

A new vendor is a new file; no list names it.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType, ModuleType

from connectors import channels as package
from connectors.channels.base import AnyConnector, ChannelConnector


@cache
def channels() -> Mapping[str, AnyConnector]:
    """Vendor → connector, by name."""
    found: dict[str, AnyConnector] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(package.__path__)):
        for connector in _connectors(importlib.import_module(f"{package.__name__}.{module}")):
            if connector.vendor in found:
                raise TypeError(f"two connectors are called {connector.vendor!r}: {module}.py has the second")
            found[connector.vendor] = connector
    return MappingProxyType(dict(sorted(found.items())))


def _connectors(module: ModuleType) -> Iterator[AnyConnector]:
    for kind in vars(module).values():
        # What a module merely imports belongs to another one, and what is abstract is there to be built upon.
        is_ours = inspect.isclass(kind) and kind.__module__ == module.__name__
        if is_ours and issubclass(kind, ChannelConnector) and not inspect.isabstract(kind) and hasattr(kind, "vendor"):
            yield kind()
