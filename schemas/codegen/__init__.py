"""Readers and writers for one record, made from its Avro schema.

fastavro reads and writes any schema; these read and write one, and only what is common in it. Where a reader cannot
tell, its caller's plain decoder does, which also says what is wrong with broken bytes. So a reader here never has to be
right about damage, only certain when it answers.

There are two ways of making them: `GENERATED` as Python, and `NATIVE`, programs that compiled code runs, where that was
built. `CHOSEN` is what is used: the native way for all that it knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from schemas.codegen.plan import CompileReader, CompileWriter, Conditions, Run, Shape, Unsupported
from schemas.codegen.reader import compile_reader
from schemas.codegen.varints import long_bytes
from schemas.codegen.writer import compile_writer

__all__ = [
    "CHOSEN",
    "GENERATED",
    "NATIVE",
    "Codegen",
    "Conditions",
    "Run",
    "Shape",
    "Unsupported",
    "first_that_can",
    "long_bytes",
]


class Codegen(NamedTuple):
    """A way of making readers and writers."""

    compile_reader: CompileReader
    compile_writer: CompileWriter


def _native() -> Codegen | None:
    try:
        from schemas.codegen.native_reader import compile_reader as native_reader  # noqa: PLC0415
        from schemas.codegen.native_writer import compile_writer as native_writer  # noqa: PLC0415
    except ImportError:
        return None
    return Codegen(native_reader, native_writer)


def first_that_can(first: Codegen, second: Codegen) -> Codegen:
    """Makes them the second way where the first does not know how."""

    def either(one: Callable[..., Any], other: Callable[..., Any]) -> Callable[..., Any]:
        def make(*arguments: Any, **named: Any) -> Any:
            try:
                return one(*arguments, **named)
            except Unsupported:
                return other(*arguments, **named)

        return make

    return Codegen(
        either(first.compile_reader, second.compile_reader), either(first.compile_writer, second.compile_writer)
    )


GENERATED = Codegen(compile_reader, compile_writer)
NATIVE = _native()
CHOSEN = GENERATED if NATIVE is None else first_that_can(NATIVE, GENERATED)
