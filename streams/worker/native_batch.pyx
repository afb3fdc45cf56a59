# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, binding=False
"""The batch builder that `streams.worker.pile` uses when it is compiled.

It has the three methods of aiokafka's that a pile and the producer call, and makes the same bytes: record batches of
version 2 (KIP-98), uncompressed, without headers, of a producer that is not idempotent.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from google_crc32c import value as crc32c

cdef extern from "Python.h":
    object PyBytes_FromStringAndSize(const char *, Py_ssize_t)

cdef enum:
    # From the base offset to the number of records.
    _HEADER_BYTES = 61
    _AT_LENGTH = 8
    _AT_LEADER = 12
    _AT_MAGIC = 16
    _AT_CRC = 17
    _AT_ATTRIBUTES = 21
    _AT_LAST_DELTA = 23
    _AT_FIRST_MS = 27
    _AT_MAX_MS = 35
    _AT_PRODUCER = 43
    _AT_COUNT = 57
    # Attributes, two varints of 10 bytes, three of 5 and the number of headers.
    _RECORD_BYTES = 40
    _FIRST_BYTES = 16384


cdef class NativeBatch:
    """One batch of less than `most_bytes`, or of one record that is larger."""

    cdef unsigned char *out
    cdef Py_ssize_t used, room, most_bytes
    cdef int count
    cdef int64_t first_ms, max_ms

    def __cinit__(self, Py_ssize_t most_bytes):
        self.most_bytes = most_bytes
        self.used = _HEADER_BYTES

    def __dealloc__(self):
        PyMem_Free(self.out)

    def append(self, int number, int64_t timestamp_ms, bytes key, bytes value, headers):
        """Put a record behind the others; None where it has no room any more. `headers` is there for aiokafka's sake."""
        cdef Py_ssize_t key_bytes = -1 if key is None else PyBytes_GET_SIZE(key)
        cdef Py_ssize_t value_bytes = -1 if value is None else PyBytes_GET_SIZE(value)
        if not self.count:
            self.first_ms = self.max_ms = timestamp_ms
        cdef int64_t later_ms = timestamp_ms - self.first_ms
        cdef Py_ssize_t body = (
            2 + _length(later_ms) + _length(number)
            + _length(key_bytes) + max(key_bytes, 0) + _length(value_bytes) + max(value_bytes, 0)
        )
        if self.count and self.used + _length(body) + body >= self.most_bytes:
            return None
        if self.used + body + _RECORD_BYTES > self.room:
            self._grow(self.used + body + _RECORD_BYTES)
        cdef unsigned char *out = self.out + self.used
        out = _varint(out, body)
        out[0] = 0
        out = _varint(out + 1, later_ms)
        out = _varint(out, number)
        out = _varint(out, key_bytes)
        if key_bytes > 0:
            memcpy(out, PyBytes_AS_STRING(key), key_bytes)
            out += key_bytes
        out = _varint(out, value_bytes)
        if value_bytes > 0:
            memcpy(out, PyBytes_AS_STRING(value), value_bytes)
            out += value_bytes
        out[0] = 0
        self.used = out + 1 - self.out
        self.count += 1
        self.max_ms = max(self.max_ms, timestamp_ms)
        return self

    def size(self):
        """Bytes so far."""
        return self.used

    def build(self):
        """The batch. Nothing may be put into it any more."""
        if self.out == NULL:
            self._grow(_HEADER_BYTES)
        cdef unsigned char *out = self.out
        memset(out, 0, _HEADER_BYTES)
        _big_endian(out + _AT_LENGTH, self.used - _AT_LENGTH - 4, 4)
        # Nobody has seen a leader.
        memset(out + _AT_LEADER, 0xff, 4)
        out[_AT_MAGIC] = 2
        _big_endian(out + _AT_LAST_DELTA, self.count - 1, 4)
        _big_endian(out + _AT_FIRST_MS, self.first_ms, 8)
        _big_endian(out + _AT_MAX_MS, self.max_ms, 8)
        # No producer id, and no epoch.
        memset(out + _AT_PRODUCER, 0xff, 10)
        _big_endian(out + _AT_COUNT, self.count, 4)
        whole = PyBytes_FromStringAndSize(<const char *>out, self.used)
        # The object is nobody else's yet.
        cdef unsigned char *bytes = <unsigned char *>PyBytes_AS_STRING(whole)
        _big_endian(bytes + _AT_CRC, <uint32_t>crc32c(whole[_AT_ATTRIBUTES:]), 4)
        PyMem_Free(self.out)
        self.out, self.room = NULL, 0
        return whole

    cdef int _grow(self, Py_ssize_t wanted) except -1:
        cdef Py_ssize_t room = max(wanted, 2 * self.room, <Py_ssize_t>_FIRST_BYTES)
        cdef void *out = PyMem_Realloc(self.out, room)
        if out == NULL:
            raise MemoryError
        self.out, self.room = <unsigned char *>out, room
        return 0


cdef inline Py_ssize_t _length(int64_t number) noexcept:
    cdef uint64_t zigzag = (<uint64_t>number << 1) ^ <uint64_t>(number >> 63)
    cdef Py_ssize_t length = 1
    while zigzag >= 0x80:
        zigzag >>= 7
        length += 1
    return length


cdef inline unsigned char *_varint(unsigned char *out, int64_t number) noexcept:
    cdef uint64_t zigzag = (<uint64_t>number << 1) ^ <uint64_t>(number >> 63)
    while zigzag >= 0x80:
        out[0] = <unsigned char>(zigzag | 0x80)
        zigzag >>= 7
        out += 1
    out[0] = <unsigned char>zigzag
    return out + 1


cdef inline void _big_endian(unsigned char *out, uint64_t number, int bytes) noexcept:
    cdef int place
    for place in range(bytes):
        out[place] = <unsigned char>(number >> (8 * (bytes - 1 - place)))
