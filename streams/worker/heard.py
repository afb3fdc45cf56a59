"""When each watched source was last heard of, by what this worker has processed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from schemas.ticks import ANY_TENANT, SourceName
from schemas.times import EpochMs


class Heard:
    """`heartbeat_seconds`: source → how long it may be silent. Others are not watched."""

    def __init__(self, heartbeat_seconds: Mapping[str, float], now_ms: EpochMs) -> None:
        self._heartbeat_ms = {source: round(seconds * 1000) for source, seconds in heartbeat_seconds.items()}
        # Whoever has not been heard of yet gets the benefit of the doubt: the worker has only just begun to listen.
        self._last_ms: dict[SourceName, EpochMs] = {(ANY_TENANT, source): now_ms for source in heartbeat_seconds}

    @property
    def sources(self) -> Iterable[SourceName]:
        """Those watched, by tenant as far as they are known."""
        return tuple(self._last_ms)

    def hear(self, sources: Iterable[SourceName], at_ms: EpochMs) -> None:
        """Events of these sources were published, the last ones at `at_ms`."""
        if not self._heartbeat_ms:
            return
        for name in sources:
            if name[1] in self._heartbeat_ms:
                self._last_ms.pop((ANY_TENANT, name[1]), None)
                self._last_ms[name] = max(at_ms, self._last_ms.get(name, at_ms))

    def silent(self, now_ms: EpochMs) -> frozenset[SourceName]:
        """The sources that have been silent for longer than they may be."""
        return frozenset(name for name, at_ms in self._last_ms.items() if now_ms - at_ms > self._heartbeat_ms[name[1]])
