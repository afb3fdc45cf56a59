"""What a reader or a writer is made from, besides the schema. Fields go by their path in it, as in `actor.kind`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from schemas.registry import SchemaVersion

#: Fields that lie one behind the other, first and last of them; None: the last there is.
Run = tuple[str, "str | None"]


class Unsupported(Exception):
    """A way of making readers and writers does not know something that is in this schema or class: take the other."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The class that holds the values of a record, or some of them."""

    kind: type[Any]
    #: Attribute → path, where the two differ.
    paths: Mapping[str, str] = field(default_factory=dict)
    #: Name of a nested record → its class, which has the same fields in the same order.
    nested: Mapping[str, type[Any]] = field(default_factory=dict)

    def arguments(self) -> dict[str, str]:
        """Attribute → path, in the order of the class."""
        return {name: self.paths.get(name, name) for name in self.kind.__struct_fields__}

    @property
    def by_name(self) -> bool:
        """Whether it wants its arguments named."""
        parameters = inspect.signature(self.kind).parameters.values()
        return any(each.kind is each.KEYWORD_ONLY for each in parameters)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a reader looks at besides the schema. Where one is not met, the plain decoder is asked."""

    #: Texts that must not be empty.
    filled: tuple[str, ...] = ()
    #: Value of `type` → the field that must be there then.
    needed: Mapping[str, str] = field(default_factory=dict)
    #: Says whether the fields `sound_of` are sound. Asked where one of them is there.
    sound: Callable[..., bool] | None = None
    sound_of: tuple[str, ...] = ()


NO_CONDITIONS = Conditions()


class CompileReader(Protocol):
    """Makes a reader."""

    def __call__(
        self,
        version: SchemaVersion,
        shape: Shape,
        plainly: Callable[[bytes], Any],
        conditions: Conditions = ...,
        beside: tuple[str, ...] = ...,
        runs: tuple[Run, ...] = ...,
    ) -> Callable[[bytes], Any]:
        """Bytes with their header → the shape's class, or a tuple of the fields `beside` and it.

        Where the reader cannot tell, the answer is that of `plainly`. Fields that nobody wants are checked to be sound
        all the same. `runs` are fields that together take few values, such as team, priority and status: what is read
        there is remembered, up to a bound. A run that does not reach the end consists of strings and enumerations.
        """


class CompileWriter(Protocol):
    """Makes a writer."""

    def __call__(
        self,
        version: SchemaVersion,
        shape: Shape,
        plainly: Callable[[Any], bytes],
        repeated: tuple[str, ...] = ...,
    ) -> Callable[[Any], bytes]:
        """Value of the shape's class → bytes with header. Whatever does not fit the schema goes to `plainly`.

        `repeated` are texts that come again and again, besides all that are optional.
        """
