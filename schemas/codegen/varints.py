"""Avro's whole numbers as bytes, by looking up 14 bits at a time."""

from __future__ import annotations


def long_bytes(value: int) -> bytes:
    """Avro's zig-zag varint."""
    zigzag = value << 1 if value >= 0 else ~(value << 1)
    if zigzag < 0x4000:
        return LAST[zigzag]
    if zigzag < 0x10000000:
        return FIRST[zigzag & 0x3FFF] + LAST[zigzag >> 14]
    if zigzag < 0x40000000000:
        return FIRST[zigzag & 0x3FFF] + FIRST[zigzag >> 14 & 0x3FFF] + LAST[zigzag >> 28]
    return varint(zigzag)


def varint(number: int) -> bytes:
    """A number that is not negative, without zig-zag."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


#: 14 bits as a varint that ends, and as two bytes of one that goes on.
LAST: list[bytes] = [varint(number) for number in range(0x4000)]
FIRST = [bytes((number & 0x7F | 0x80, number >> 7 | 0x80)) for number in range(0x4000)]
#: The same behind the mark of an optional that is there, by the 13 bits of a number that is not negative.
OPTIONAL_FIRST = [b"\x02" + first for first in FIRST[::2]]
