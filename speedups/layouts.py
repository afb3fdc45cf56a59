"""Where the fields of records lie in memory, told to Cython: `python -m speedups.layouts ROOT FOLDER`.

A class with slots, such as msgspec's records and our dataclasses are, keeps one pointer per field behind the other.
Compiled code that knows where reads a field with one load, instead of looking it up by its name. What is told here is
read off the classes themselves at every build, so a new field is found where it is, and nobody keeps a second list of
them. Cython looks at the size of every class when a compiled module is imported.
"""

from __future__ import annotations

import ctypes
import importlib
import sys
import types
import typing
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from speedups.modules import RECORDS

_POINTER_BYTES = ctypes.sizeof(ctypes.c_void_p)
#: `PyMemberDescrObject`: reference count, type, d_type, d_name, d_qualname, then a pointer to its `PyMemberDef`: name,
#: kind, offset.
_MEMBER_AT = 5 * _POINTER_BYTES
_OFFSET_AT = 2 * _POINTER_BYTES
_CONTAINERS = (dict, list, tuple)


class UnknownLayout(Exception):
    """A class that has something else between its fields or behind them. It cannot be one of `RECORDS`."""


def main(root: str, folder: str) -> None:
    """Write the declarations of all `RECORDS` of the sources below `root` into `folder`, one file per module."""
    sys.path.insert(0, root)
    modules = {name: importlib.import_module(name) for name in RECORDS}
    records = [getattr(modules[name], kind) for name, kinds in RECORDS.items() for kind in kinds]
    for name, kinds in RECORDS.items():
        text = declarations(modules[name], kinds, records)
        Path(folder, f"{name}.pxd").write_text(text, encoding="utf-8")


def declarations(module: types.ModuleType, names: Iterable[str], records: Collection[type]) -> str:
    """What the `.pxd` of a module says of its classes of these names. Raises `UnknownLayout`."""
    others = sorted((kind.__module__, kind.__name__) for kind in records if kind.__module__ != module.__name__)
    imports = [f"from {where} cimport {name}\n" for where, name in others if hasattr(module, name)]
    return "".join([*imports, *(_declaration(getattr(module, name), records) for name in names)])


def _declaration(kind: type, records: Collection[type]) -> str:
    fields = _fields(kind)
    hints = typing.get_type_hints(kind)
    known = {field: _type_of(hints[field], records) for field in fields}
    structs = {field: _struct(each) if each in records else "PyObject" for field, each in known.items()}
    named = {_struct(kind), *structs.values()} - {"PyObject"}
    return "\n".join(
        [
            "",
            "cdef extern from *:",
            '    """',
            *(f"    typedef struct {name} {name};" for name in sorted(named)),
            f"    struct {_struct(kind)} {{",
            "        PyObject_HEAD",
            *(f"        {structs[field]} *{field}_;" for field in fields),
            "    };",
            '    """',
            f"    ctypedef class {kind.__module__}.{kind.__name__} [object {_struct(kind)}, check_size error]:",
            *(f'        cdef {known[field].__name__} {field} "{field}_"' for field in fields),
            "",
        ]
    )


def _struct(kind: type) -> str:
    return f"{kind.__name__}Record"


def _fields(kind: type) -> list[str]:
    """In the order in which they lie, one pointer each and nothing else."""
    offsets = dict(_offsets(kind))
    first = object.__basicsize__
    expected = [first + place * _POINTER_BYTES for place in range(len(offsets) + 1)]
    is_open = kind.__dictoffset__ or kind.__weakrefoffset__
    if is_open or sorted(offsets.values()) != expected[:-1] or kind.__basicsize__ != expected[-1]:
        raise UnknownLayout(f"{kind.__module__}.{kind.__name__} is not made of its fields alone: take it off RECORDS")
    return sorted(offsets, key=offsets.__getitem__)


def _offsets(kind: type) -> Iterator[tuple[str, int]]:
    for base in kind.__mro__:
        for name, member in vars(base).items():
            if isinstance(member, types.MemberDescriptorType):
                definition = ctypes.c_void_p.from_address(id(member) + _MEMBER_AT).value or 0
                yield name, ctypes.c_ssize_t.from_address(definition + _OFFSET_AT).value


def _type_of(hint: Any, records: Collection[type]) -> type:
    """As far as Cython may know it: a record, one of Python's containers, or anything. None is possible everywhere."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        wanted = [one for one in typing.get_args(hint) if one is not types.NoneType]
        if len(wanted) != 1:
            return object
        (hint,) = wanted
    kind: type = typing.get_origin(hint) or hint
    return kind if kind in records or kind in _CONTAINERS else object


if __name__ == "__main__":
    main(*sys.argv[1:])
