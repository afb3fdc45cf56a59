"""A request's headers, looked up where they are: most vendors' deliveries are asked for two of their ten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar, overload

from multidict import CIMultiDictProxy

T = TypeVar("T")


class SentHeaders(Mapping[str, str]):
    """Name in lower case → value. The first of a name counts, as it does for those who check a signature before us."""

    __slots__ = ("_sent",)

    def __init__(self, sent: CIMultiDictProxy[str]) -> None:
        self._sent = sent

    @overload
    def get(self, key: str, /) -> str | None: ...
    @overload
    def get(self, key: str, /, default: str | T) -> str | T: ...
    def get(self, key: str, /, default: T | None = None) -> str | T | None:
        """The value; what is not UTF-8 in it is replaced."""
        value = self._sent.get(key)
        if value is None:
            return default
        # aiohttp keeps the bytes that are none in a way that cannot be written anywhere.
        return value if value.isascii() else value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

    def __getitem__(self, key: str) -> str:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.lower() for name in self._sent))

    def __len__(self) -> int:
        return sum(1 for _ in self)
