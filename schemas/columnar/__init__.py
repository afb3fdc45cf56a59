"""Many records of one kind at once: their bytes → columns, by numpy.

    reader = BlockReader(latest("metric_fact"), repeated=("tenant", "metric"))
    block = reader.read(payloads)
    block.columns["value_ms"]          # a sequence; None where a fact has none
    block.odd                          # places in `payloads` that the plain decoder has to judge

A step works on one field of all records, so what Python costs is paid per field and not per value. As with generated
readers, records that are not common (long varints, repeated keys, broken bytes) are not judged here: they are odd.
"""

from schemas.columnar.columns import Column, Maps, Numbers, Symbols, Texts
from schemas.columnar.reader import Block, BlockReader

__all__ = ["Block", "BlockReader", "Column", "Maps", "Numbers", "Symbols", "Texts"]
