"""Readers and writers for one record, as Python generated from its Avro schema.

fastavro reads and writes any schema; these read and write one, and only what is common in it. A reader answers None for
whatever is not common (a longer varint, a map with something in it, an optional record that is there), and its caller
then asks fastavro, which also says what is wrong with broken bytes. So a generated reader never has to be right about
damage, only certain when it answers.
"""

from schemas.codegen.reader import UNREADABLE, Run, compile_reader
from schemas.codegen.varints import long_bytes
from schemas.codegen.writer import compile_writer

__all__ = ["UNREADABLE", "Run", "compile_reader", "compile_writer", "long_bytes"]
