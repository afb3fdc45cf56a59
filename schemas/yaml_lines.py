"""YAML files that people write: every refusal names the file, the line and what to write instead.

[root] = documents(text, "sources.yaml", SourcesFileError)
fields = root.fields({"name": True, "limits": False})       # raises SourcesFileError("sources.yaml:3: …")
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from schemas.errors import SupportpulseError


def read(path: Path, error: type[SupportpulseError]) -> str:
    """The file's text. Raises `error` if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as exc:
        raise error(f"{path}: cannot be read ({exc.strerror}): name a file that is there") from exc
    except UnicodeDecodeError as exc:
        raise error(f"{path}: cannot be read, it is not UTF-8 ({exc.reason} at byte {exc.start}): save it so") from exc


def documents(text: str, name: str, error: type[SupportpulseError]) -> list[Node]:
    """The documents of a file, empty ones left out; `name` is what errors call it. Raises `error`."""
    try:
        roots = [root for root in yaml.compose_all(text, Loader=yaml.SafeLoader) if root is not None]
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        raise error(f"{name}:{line}: not YAML: {exc.problem}") from exc
    except yaml.reader.ReaderError as exc:
        line = text.count("\n", 0, exc.position) + 1
        raise error(f"{name}:{line}: not YAML: character #x{exc.character:04x} is not allowed") from exc
    return [Node(root, name, "", error) for root in roots]


class Node:
    """A piece of the file that knows its line, so that a refusal can say it."""

    def __init__(self, node: yaml.Node, name: str, path: str, error: type[SupportpulseError]) -> None:
        self._node = node
        self._name = name
        self._path = path
        self._error = error

    @property
    def line(self) -> int:
        """Counted from 1."""
        return self._node.start_mark.line + 1

    def refuse(self, why: str) -> SupportpulseError:
        """The error to raise: file, line, place and `why`."""
        where = f"{self._path}: " if self._path else ""
        return self._error(f"{self._name}:{self.line}: {where}{why}")

    def items(self) -> Iterator[tuple[str, Node]]:
        """A mapping's keys and values; a key that is there twice is refused."""
        if not isinstance(self._node, yaml.MappingNode):
            raise self.refuse("expected a mapping of names to values")
        seen: set[Hashable] = set()
        for key_node, value_node in self._node.value:
            key = str(key_node.value)
            child = Node(value_node, self._name, f"{self._path}.{key}".lstrip("."), self._error)
            if key in seen:
                raise child.refuse("is there twice")
            seen.add(key)
            yield key, child

    def fields(self, known: Mapping[str, bool]) -> dict[str, Node]:
        """The mapping's fields; `known` says which there are, and whether they are needed."""
        found = dict(self.items())
        for key, child in found.items():
            if key not in known:
                raise child.refuse(f"is not known here; write one of {', '.join(known)}")
        for key, needed in known.items():
            if needed and key not in found:
                raise self.refuse(f"{key} is missing")
        return found

    def elements(self) -> list[Node]:
        """A list's elements."""
        if not isinstance(self._node, yaml.SequenceNode):
            raise self.refuse("expected a list")
        return [Node(item, self._name, f"{self._path}[{n}]", self._error) for n, item in enumerate(self._node.value)]

    def scalar(self) -> Any:
        """A single value: text, a number, a date, true or false, null."""
        if not isinstance(self._node, yaml.ScalarNode):
            raise self.refuse("expected a single value")
        try:
            return _Scalars("").construct_object(self._node)
        except (yaml.YAMLError, ValueError) as exc:
            raise self.refuse(f"{self._node.value!r} cannot be read: {exc}") from exc

    def plain(self) -> Any:
        """Whatever it is, as Python's own lists, dictionaries and scalars."""
        if isinstance(self._node, yaml.MappingNode):
            return {key: child.plain() for key, child in self.items()}
        if isinstance(self._node, yaml.SequenceNode):
            return [child.plain() for child in self.elements()]
        return self.scalar()

    def text(self) -> str:
        """Text that is not empty."""
        value = self.scalar()
        if not isinstance(value, str) or not value:
            raise self.refuse(f"expected text, got {value!r}")
        return value

    def choice(self, choices: tuple[str, ...]) -> str:
        """One of `choices`."""
        value = self.text()
        if value not in choices:
            raise self.refuse(f"{value!r} is none of {', '.join(choices)}")
        return value


class _Scalars(yaml.SafeLoader):
    """SafeLoader's scalars: text, numbers, dates."""
