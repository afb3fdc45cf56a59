# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, binding=False
"""Writers as programs: a schema becomes a row of steps, and compiled code takes each field and appends its bytes.

Fields are taken from where msgspec keeps them in its objects, which is what its own member descriptors say. That this
is so is tried on an object when a writer is made: see `_offsets`. Only values of exactly the types that a field has are
written here, and no step runs code of Python's; the plain encoder has the word about everything else.

References here are borrowed from the record that is being written.
"""

import sys
from types import MemberDescriptorType

from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Realloc
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from schemas.codegen.plan import Unsupported
from schemas.codegen.steps import steps_of

if sys.byteorder != "little":
    raise ImportError("doubles are written as they lie there, and Avro's are little-endian")

cdef extern from "Python.h":
    ctypedef struct PyObject
    ctypedef struct PyTypeObject
    PyObject *Py_None
    PyObject *Py_True
    PyObject *Py_False
    PyTypeObject *Py_TYPE(PyObject *)
    void Py_DECREF(PyObject *)
    void PyErr_Clear()
    bint PyUnicode_CheckExact(PyObject *)
    bint PyUnicode_IS_COMPACT_ASCII(PyObject *)
    Py_ssize_t PyUnicode_GET_LENGTH(PyObject *)
    const void *PyUnicode_1BYTE_DATA(PyObject *)
    PyObject *PyUnicode_AsUTF8String(PyObject *)
    const char *PyBytes_AS_STRING(PyObject *)
    Py_ssize_t PyBytes_GET_SIZE(PyObject *)
    object PyBytes_FromStringAndSize(const char *, Py_ssize_t)
    bint PyLong_CheckExact(PyObject *)
    long PyLong_AsLong(PyObject *)
    long long PyLong_AsLongLongAndOverflow(PyObject *, int *)
    bint PyFloat_CheckExact(PyObject *)
    double PyFloat_AS_DOUBLE(PyObject *)
    bint PyDict_CheckExact(PyObject *)
    Py_ssize_t PyDict_Size(PyObject *)
    PyObject *PyDict_GetItemWithError(PyObject *, PyObject *)
    int PyDict_Next(PyObject *, Py_ssize_t *, PyObject **, PyObject **)

cdef extern from "structmember.h":
    ctypedef struct PyMemberDef:
        int type
        Py_ssize_t offset
    const int T_OBJECT_EX

cdef extern from "descrobject.h":
    ctypedef struct PyMemberDescrObject:
        PyMemberDef *d_member

cdef enum:
    _FIRST_BYTES = 4096
    # A buffer that one large record has made larger than this goes.
    _MOST_BYTES = 65536
    _LONGEST_VARINT = 10

cdef enum Code:
    TEXT, ENUM, INT, LONG, BOOLEAN, DOUBLE, MAP, RECORD

cdef struct Step:
    Code code
    bint optional
    # Where in the object the field is.
    Py_ssize_t offset
    # RECORD: how many of the following steps are its own.
    int count
    # ENUM: symbol → number, a dictionary. RECORD: the class. Borrowed from `Writer._kept`.
    PyObject *what


cdef class Writer:
    """One program. Made by `compile_writer`."""

    cdef Step *steps
    cdef int count
    # What is written, and how much of it there is and may be. No step lets another one write meanwhile.
    cdef unsigned char *out
    cdef Py_ssize_t size, room
    cdef object kind, header, plainly
    cdef list _kept

    def __dealloc__(self):
        PyMem_Free(self.steps)
        PyMem_Free(self.out)

    def write(self, record):
        """See `CompileWriter`."""
        if <PyObject *>Py_TYPE(<PyObject *>record) == <PyObject *>self.kind:
            self.size = 0
            if self._append(PyBytes_AS_STRING(<PyObject *>self.header), PyBytes_GET_SIZE(<PyObject *>self.header)):
                if self._fields(self.steps, self.count, <PyObject *>record):
                    written = PyBytes_FromStringAndSize(<const char *>self.out, self.size)
                    self._shrink()
                    return written
            # Nothing of it is told: the plain encoder finds its own words.
            PyErr_Clear()
            self._shrink()
        return self.plainly(record)

    cdef void _shrink(self) noexcept:
        if self.room > _MOST_BYTES:
            PyMem_Free(self.out)
            self.out, self.room = NULL, 0

    cdef bint _more(self, Py_ssize_t bytes) noexcept:
        cdef Py_ssize_t room = max(2 * (self.size + bytes), <Py_ssize_t>_FIRST_BYTES)
        cdef void *out = PyMem_Realloc(self.out, room)
        if out == NULL:
            return False
        self.out, self.room = <unsigned char *>out, room
        return True

    cdef inline bint _has_room(self, Py_ssize_t bytes) noexcept:
        return self.room - self.size >= bytes or self._more(bytes)

    cdef inline bint _append(self, const char *start, Py_ssize_t bytes) noexcept:
        if not self._has_room(bytes):
            return False
        memcpy(self.out + self.size, start, bytes)
        self.size += bytes
        return True

    cdef inline bint _long(self, int64_t number) noexcept:
        cdef uint64_t zigzag = <uint64_t>number << 1 ^ <uint64_t>(number >> 63)
        if not self._has_room(_LONGEST_VARINT):
            return False
        while zigzag > 0x7F:
            self.out[self.size] = <unsigned char>(zigzag & 0x7F | 0x80)
            self.size += 1
            zigzag >>= 7
        self.out[self.size] = <unsigned char>zigzag
        self.size += 1
        return True

    cdef inline bint _text(self, PyObject *text) noexcept:
        if not PyUnicode_CheckExact(text):
            return False
        if PyUnicode_IS_COMPACT_ASCII(text):
            return self._long(PyUnicode_GET_LENGTH(text)) and self._append(
                <const char *>PyUnicode_1BYTE_DATA(text), PyUnicode_GET_LENGTH(text)
            )
        # Not the form that the text itself would remember for good.
        cdef PyObject *encoded = PyUnicode_AsUTF8String(text)
        if encoded == NULL:
            return False
        cdef bint done = self._long(PyBytes_GET_SIZE(encoded)) and self._append(
            PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded)
        )
        Py_DECREF(encoded)
        return done

    cdef bint _map(self, PyObject *entries) noexcept:
        cdef PyObject *key
        cdef PyObject *value
        cdef Py_ssize_t at = 0
        if not PyDict_CheckExact(entries):
            return False
        if PyDict_Size(entries):
            if not self._long(PyDict_Size(entries)):
                return False
            while PyDict_Next(entries, &at, &key, &value):
                if not (self._text(key) and self._text(value)):
                    return False
        return self._long(0)

    cdef bint _fields(self, Step *step, int count, PyObject *record) noexcept:
        cdef Step *end = step + count
        cdef PyObject *value
        while step < end:
            value = (<PyObject **>(<char *>record + step.offset))[0]
            if value == NULL:
                return False
            if step.optional:
                if not self._long(0 if value == Py_None else 1):
                    return False
                if value == Py_None:
                    step += 1 + (step.count if step.code == RECORD else 0)
                    continue
            if not self._value(step, value):
                return False
            step += 1 + (step.count if step.code == RECORD else 0)
        return True

    cdef inline bint _value(self, Step *step, PyObject *value) noexcept:
        cdef int64_t number
        cdef int overflow = 0
        cdef double real
        cdef PyObject *found
        if step.code == TEXT:
            return self._text(value)
        if step.code == LONG or step.code == INT:
            if not PyLong_CheckExact(value):
                return False
            number = PyLong_AsLongLongAndOverflow(value, &overflow)
            if overflow or (step.code == INT and not -0x80000000 <= number < 0x80000000):
                return False
            return self._long(number)
        if step.code == BOOLEAN:
            return (value == Py_True or value == Py_False) and self._append(b"\x01" if value == Py_True else b"\x00", 1)
        if step.code == DOUBLE:
            if PyFloat_CheckExact(value):
                real = PyFloat_AS_DOUBLE(value)
                return self._append(<const char *>&real, 8)
            # A whole number: the plain encoder knows how large it may be.
            return False
        if step.code == ENUM:
            found = PyDict_GetItemWithError(step.what, value) if PyUnicode_CheckExact(value) else NULL
            return found != NULL and self._long(PyLong_AsLong(found))
        if step.code == MAP:
            return self._map(value)
        return <PyObject *>Py_TYPE(value) == step.what and self._fields(step + 1, step.count, value)


_CODES = {
    "string": TEXT,
    "enum": ENUM,
    "int": INT,
    "instant": LONG,
    "long": LONG,
    "boolean": BOOLEAN,
    "double": DOUBLE,
    "map": MAP,
    "record": RECORD,
}


def compile_writer(version, shape, plainly, repeated=()):
    """See `CompileWriter`. Copying a text is as quick as finding it again, so `repeated` changes nothing."""
    cdef Writer writer = Writer.__new__(Writer)
    steps = steps_of(version)
    _take_steps(writer, steps, _places(steps, shape), shape.nested)
    writer.kind, writer.header, writer.plainly = shape.kind, version.header, plainly
    return writer.write


def _places(steps, shape):
    """Path → where in its object the value is."""
    offsets = _offsets(shape.kind)
    places = {path: offsets[name] for name, path in shape.arguments().items()}
    for step in steps:
        if step.record:
            within = _offsets(shape.nested[step.record])
            places.update({f"{step.path}.{name}": offset for name, offset in within.items()})
    return places


cdef void _take_steps(Writer writer, list steps, dict places, nested) except *:
    cdef Step *step
    writer.steps = <Step *>PyMem_Calloc(len(steps), sizeof(Step))
    if writer.steps == NULL:
        raise MemoryError
    writer.count = len(steps)
    writer._kept = [
        nested[each.record] if each.record else {symbol: value for value, symbol in enumerate(each.symbols)}
        for each in steps
    ]
    for number, each in enumerate(steps):
        if each.path not in places:
            raise Unsupported(f"{each.path} is no attribute")
        step = &writer.steps[number]
        step.code, step.optional, step.offset = _CODES[each.kind], each.optional, places[each.path]
        step.count, step.what = each.count, <PyObject *>writer._kept[number]


def _offsets(kind):
    """Attribute → where an object of this class has it. Raises `Unsupported` where it cannot be told."""
    # An object with one of its own in every field: each has to be at its place.
    probe = kind(**{name: object() for name in kind.__struct_fields__})
    return {name: _offset(kind, name, probe) for name in kind.__struct_fields__}


cdef Py_ssize_t _offset(kind, name, probe) except -1:
    cdef PyMemberDef *member
    descriptor = next((each.__dict__[name] for each in kind.__mro__ if name in each.__dict__), None)
    value = getattr(probe, name)
    if type(descriptor) is MemberDescriptorType:
        member = (<PyMemberDescrObject *><PyObject *>descriptor).d_member
        if (
            member.type == T_OBJECT_EX
            and 0 < member.offset <= kind.__basicsize__ - <Py_ssize_t>sizeof(PyObject *)
            and (<PyObject **>(<char *><PyObject *>probe + member.offset))[0] == <PyObject *>value
        ):
            return member.offset
    raise Unsupported(f"{kind.__name__}.{name} does not lie where a member descriptor says")
