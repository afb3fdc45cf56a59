# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, binding=False
"""Readers as programs: a schema becomes a row of steps, and compiled code walks them along the bytes.

What is read is untrusted. Every step asks how much is left before it looks at a byte, and whatever is cut short,
overlong, unusual or not allowed ends the walk: the plain decoder then has the word. No step runs code of Python's that
could change what is being read; `sound` is called when everything has been read.

References are counted by hand here: every `PyObject *` that a function returns is a new one, or NULL for "cannot tell".
"""

from cpython.bytes cimport PyBytes_CheckExact
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

import sys

from schemas import times
from schemas.checks import MAX_NAME_CHARACTERS
from schemas.codegen.plan import NO_CONDITIONS, Unsupported
from schemas.codegen.steps import in_runs, steps_of

if sys.byteorder != "little":
    raise ImportError("doubles are read as they lie there, and Avro's are little-endian")

cdef extern from "Python.h":
    ctypedef struct PyObject
    PyObject *Py_None
    PyObject *Py_True
    PyObject *Py_False
    const Py_ssize_t PY_VECTORCALL_ARGUMENTS_OFFSET
    void Py_INCREF(PyObject *)
    void Py_DECREF(PyObject *)
    void Py_XDECREF(PyObject *)
    void PyErr_Clear()
    const char *PyBytes_AS_STRING(PyObject *)
    Py_ssize_t PyBytes_GET_SIZE(PyObject *)
    PyObject *PyUnicode_New(Py_ssize_t, unsigned int)
    PyObject *PyUnicode_DecodeUTF8(const char *, Py_ssize_t, const char *)
    Py_ssize_t PyUnicode_GET_LENGTH(PyObject *)
    unsigned char *PyUnicode_1BYTE_DATA(PyObject *)
    PyObject *PyLong_FromLongLong(long long)
    PyObject *PyFloat_FromDouble(double)
    PyObject *PyDict_New()
    int PyDict_SetItem(PyObject *, PyObject *, PyObject *)
    PyObject *PyTuple_New(Py_ssize_t)
    PyObject *PyTuple_GET_ITEM(PyObject *, Py_ssize_t)
    void PyTuple_SET_ITEM(PyObject *, Py_ssize_t, PyObject *)
    PyObject *PyObject_Vectorcall(PyObject *, PyObject **, size_t, PyObject *)

cdef enum:
    # The texts that come again and again; a power of two, since a hash's lowest bits are the place.
    _PLACES = 4096
    _LONGEST_REMEMBERED = 40
    _MOST_SLOTS = 64
    _MOST_SYMBOLS = 64
    _MOST_PARTS = 4

cdef enum Code:
    TEXT, ENUM, INSTANT, LONG, BOOLEAN, DOUBLE, MAP, RECORD

cdef struct Step:
    Code code
    bint optional
    # A text that must not be empty; one that comes again and again; the symbol that says what else is needed.
    bint filled, repeated, decides
    # Where the value goes; -1: it is looked at and not kept.
    int slot
    # ENUM: how many symbols. RECORD: how many of the following steps are its own.
    int count
    # RECORD: the slot of its first value; the others lie behind it.
    int first
    # ENUM: the symbols, a tuple. RECORD: the class. Borrowed from `Reader._kept`.
    PyObject *what

cdef struct Cursor:
    const unsigned char *at
    const unsigned char *end

cdef struct Text:
    const unsigned char *start
    Py_ssize_t bytes

cdef int64_t _MIN_MS = times.MIN_MS, _MAX_MS = times.MAX_MS
# A name of more characters has more bytes than this.
cdef Py_ssize_t _LONGEST_TEXT = MAX_NAME_CHARACTERS
cdef uint64_t _NOT_ASCII = 0x8080808080808080


cdef inline PyObject *_shared(PyObject *value) noexcept:
    Py_INCREF(value)
    return value


cdef inline bint _read_long(Cursor *cursor, int64_t *number) noexcept:
    # Nine bytes have 63 bits; what takes ten is for the plain decoder to tell.
    cdef uint64_t zigzag = 0, byte
    cdef int shift = 0
    while shift < 63 and cursor.at < cursor.end:
        byte = cursor.at[0]
        cursor.at += 1
        zigzag |= (byte & 0x7F) << shift
        if byte < 0x80:
            number[0] = <int64_t>(zigzag >> 1) ^ -<int64_t>(zigzag & 1)
            return True
        shift += 7
    return False


cdef inline bint _read_text(Cursor *cursor, Text *text) noexcept:
    cdef int64_t length
    if not _read_long(cursor, &length) or not 0 <= length <= _LONGEST_TEXT or length > cursor.end - cursor.at:
        return False
    text.start, text.bytes = cursor.at, length
    cursor.at += length
    return True


cdef inline bint _is_ascii(Text *text) noexcept:
    cdef const unsigned char *at = text.start
    cdef Py_ssize_t left = text.bytes
    cdef uint64_t word, every = 0
    while left >= 8:
        memcpy(&word, at, 8)
        every |= word
        at += 8
        left -= 8
    while left > 0:
        every |= at[0]
        at += 1
        left -= 1
    return not every & _NOT_ASCII


cdef inline PyObject *_decoded(Text *text) noexcept:
    cdef PyObject *made
    if not _is_ascii(text):
        return PyUnicode_DecodeUTF8(<const char *>text.start, text.bytes, NULL)
    made = PyUnicode_New(text.bytes, 0x7F)
    if made != NULL and text.bytes:
        memcpy(PyUnicode_1BYTE_DATA(made), text.start, text.bytes)
    return made


cdef inline PyObject *_looked_at(Text *text) noexcept:
    cdef PyObject *made
    if not _is_ascii(text):
        made = PyUnicode_DecodeUTF8(<const char *>text.start, text.bytes, NULL)
        if made == NULL:
            return NULL
        Py_DECREF(made)
    return _shared(Py_None)


cdef PyObject *_read_map(Cursor *cursor, bint kept) noexcept:
    # Nearly always one block, or none; the plain decoder knows the others.
    cdef int64_t entries = 0
    cdef Text key, value
    cdef PyObject *made = PyDict_New() if kept else _shared(Py_None)
    if made == NULL or not _read_long(cursor, &entries) or entries < 0:
        Py_XDECREF(made)
        return NULL
    if entries == 0:
        return made
    while entries > 0:
        if not (_read_text(cursor, &key) and _read_text(cursor, &value) and _put(made, &key, &value, kept)):
            Py_DECREF(made)
            return NULL
        entries -= 1
    if cursor.at >= cursor.end or cursor.at[0]:
        Py_DECREF(made)
        return NULL
    cursor.at += 1
    return made


cdef bint _put(PyObject *entries, Text *key, Text *value, bint kept) noexcept:
    cdef PyObject *name = _decoded(key) if kept else _looked_at(key)
    cdef PyObject *text = _decoded(value) if kept else _looked_at(value)
    cdef bint done = name != NULL and text != NULL and (not kept or PyDict_SetItem(entries, name, text) == 0)
    Py_XDECREF(name)
    Py_XDECREF(text)
    return done


cdef class _Remembered:
    """Texts of ASCII that come again and again, each at the place of its hash until another one needs it.

    One object for all that are the same saves making it and, since conversations keep their events, keeping it.
    """

    cdef PyObject *places[_PLACES]

    def __dealloc__(self):
        for number in range(_PLACES):
            Py_XDECREF(self.places[number])

    cdef inline PyObject *find(self, Text *text) noexcept:
        cdef PyObject **place
        cdef PyObject *found
        if text.bytes > _LONGEST_REMEMBERED:
            return _decoded(text)
        place = &self.places[_hash(text) & (_PLACES - 1)]
        found = place[0]
        if (
            found != NULL
            and PyUnicode_GET_LENGTH(found) == text.bytes
            and memcmp(PyUnicode_1BYTE_DATA(found), text.start, text.bytes) == 0
        ):
            return _shared(found)
        found = _decoded(text)
        # As many characters as bytes: it is ASCII, and its data are the bytes to compare with.
        if found != NULL and PyUnicode_GET_LENGTH(found) == text.bytes:
            Py_XDECREF(place[0])
            place[0] = _shared(found)
        return found


cdef inline uint64_t _hash(Text *text) noexcept:
    cdef const unsigned char *at = text.start
    cdef Py_ssize_t left = text.bytes
    cdef uint64_t word, mixed = left
    while left >= 8:
        memcpy(&word, at, 8)
        mixed = (mixed ^ word) * <uint64_t>0x9E3779B97F4A7C15
        mixed ^= mixed >> 32
        at += 8
        left -= 8
    word = 0
    if left:
        memcpy(&word, at, left)
    mixed = (mixed ^ word) * <uint64_t>0x9E3779B97F4A7C15
    return mixed ^ mixed >> 32


cdef class Reader:
    """One program. Made by `compile_reader`."""

    cdef Step *steps
    cdef int count
    cdef int slots
    # The values that are asked for: those of the class from slot 1, since a call may use the place before its
    # arguments, and those beside it.
    cdef int fields, beside
    # By the symbol of the step that decides: the slot that must not be None, or -1.
    cdef int needed[_MOST_SYMBOLS]
    # Where the parts are that `sound` wants to see.
    cdef int parts[_MOST_PARTS]
    cdef int part_count
    cdef object kind, names, sound, plainly, header
    cdef list _kept
    cdef _Remembered remembered

    def __dealloc__(self):
        PyMem_Free(self.steps)

    def read(self, payload):
        """See `CompileReader`."""
        cdef PyObject *found = NULL
        if PyBytes_CheckExact(payload):
            found = self._read(<PyObject *>payload)
        if found == NULL:
            return self.plainly(payload)
        result = <object>found
        Py_DECREF(found)
        return result

    cdef PyObject *_read(self, PyObject *payload) noexcept:
        cdef PyObject *slots[_MOST_SLOTS]
        cdef PyObject *found = NULL
        cdef Cursor cursor
        cdef int needed = -1
        cdef Py_ssize_t header = PyBytes_GET_SIZE(<PyObject *>self.header)
        cursor.at = <const unsigned char *>PyBytes_AS_STRING(payload)
        cursor.end = cursor.at + PyBytes_GET_SIZE(payload)
        if cursor.end - cursor.at < header or memcmp(cursor.at, PyBytes_AS_STRING(<PyObject *>self.header), header):
            return NULL
        cursor.at += header
        memset(slots, 0, self.slots * sizeof(PyObject *))
        if (
            self._walk(self.steps, self.count, &cursor, slots, &needed)
            and cursor.at == cursor.end
            and (needed < 0 or slots[needed] != Py_None)
            and self._is_sound(slots)
        ):
            found = self._made(slots)
        for number in range(self.slots):
            Py_XDECREF(slots[number])
        if found == NULL:
            # Nothing of it is told: the plain decoder finds its own words.
            PyErr_Clear()
        return found

    cdef bint _walk(self, Step *step, int count, Cursor *cursor, PyObject **slots, int *needed) noexcept:
        cdef Step *end = step + count
        cdef PyObject *value
        cdef bint there
        while step < end:
            there = True
            if step.optional:
                if cursor.at >= cursor.end or cursor.at[0] & 0xFD:
                    return False
                there = cursor.at[0] != 0
                cursor.at += 1
            value = self._value(step, cursor, slots, needed) if there else _shared(Py_None)
            if value == NULL:
                return False
            if step.slot >= 0:
                slots[step.slot] = value
            else:
                Py_DECREF(value)
            step += 1 + (step.count if step.code == RECORD else 0)
        return True

    cdef inline PyObject *_value(self, Step *step, Cursor *cursor, PyObject **slots, int *needed) noexcept:
        cdef int64_t number
        cdef double real
        cdef Text text
        if step.code == TEXT:
            if not _read_text(cursor, &text) or (step.filled and text.bytes == 0):
                return NULL
            if step.slot < 0:
                return _looked_at(&text)
            return self.remembered.find(&text) if step.repeated else _decoded(&text)
        if step.code == ENUM:
            if not _read_long(cursor, &number) or not 0 <= number < step.count:
                return NULL
            if step.decides:
                needed[0] = self.needed[number]
            return _shared(PyTuple_GET_ITEM(step.what, number))
        if step.code == INSTANT or step.code == LONG:
            if not _read_long(cursor, &number) or (step.code == INSTANT and not _MIN_MS <= number <= _MAX_MS):
                return NULL
            return PyLong_FromLongLong(number) if step.slot >= 0 else _shared(Py_None)
        if step.code == BOOLEAN:
            if cursor.at >= cursor.end or cursor.at[0] > 1:
                return NULL
            number = cursor.at[0]
            cursor.at += 1
            return _shared(Py_True if number else Py_False)
        if step.code == DOUBLE:
            if cursor.end - cursor.at < 8:
                return NULL
            memcpy(&real, cursor.at, 8)
            cursor.at += 8
            return PyFloat_FromDouble(real)
        if step.code == MAP:
            return _read_map(cursor, step.slot >= 0)
        if not self._walk(step + 1, step.count, cursor, slots, needed):
            return NULL
        return PyObject_Vectorcall(step.what, slots + step.first, step.count, NULL)

    cdef bint _is_sound(self, PyObject **slots) noexcept:
        cdef PyObject *parts[_MOST_PARTS]
        cdef PyObject *answer
        cdef bint there = False
        for number in range(self.part_count):
            parts[number] = slots[self.parts[number]]
            there = there or parts[number] != Py_None
        if not there:
            return True
        answer = PyObject_Vectorcall(<PyObject *>self.sound, parts, self.part_count, NULL)
        Py_XDECREF(answer)
        return answer == Py_True

    cdef inline PyObject *_made(self, PyObject **slots) noexcept:
        cdef PyObject *names = NULL if self.names is None else <PyObject *>self.names
        cdef size_t positional = self.fields if names == NULL else 0
        cdef PyObject *made
        cdef PyObject *result
        made = PyObject_Vectorcall(
            <PyObject *>self.kind, slots + 1, positional | <size_t>PY_VECTORCALL_ARGUMENTS_OFFSET, names
        )
        if made == NULL or not self.beside:
            return made
        result = PyTuple_New(self.beside + 1)
        if result == NULL:
            Py_DECREF(made)
            return NULL
        for number in range(self.beside):
            PyTuple_SET_ITEM(result, number, _shared(slots[1 + self.fields + number]))
        PyTuple_SET_ITEM(result, self.beside, made)
        return result


_CODES = {
    "string": TEXT,
    "enum": ENUM,
    "instant": INSTANT,
    "int": LONG,
    "long": LONG,
    "boolean": BOOLEAN,
    "double": DOUBLE,
    "map": MAP,
    "record": RECORD,
}


def compile_reader(version, shape, plainly, conditions=NO_CONDITIONS, beside=(), runs=()):
    """See `CompileReader`."""
    cdef Reader reader = Reader.__new__(Reader)
    steps = steps_of(version)
    wanted = [*shape.arguments().values(), *beside]
    slots = _slots(steps, wanted, conditions)
    most_symbols = max(len(each.symbols) for each in steps)
    if len(slots) >= _MOST_SLOTS or most_symbols > _MOST_SYMBOLS or len(conditions.sound_of) > _MOST_PARTS:
        raise Unsupported(f"{version.record}: more of something than there is room for")
    reader.slots = 1 + len(slots)
    _take_steps(reader, steps, slots, shape.nested, conditions, in_runs(version, runs))
    reader.part_count = len(conditions.sound_of)
    for number, path in enumerate(conditions.sound_of):
        reader.parts[number] = slots[path]
    reader.fields, reader.beside = len(wanted) - len(beside), len(beside)
    reader.kind, reader.sound = shape.kind, conditions.sound
    reader.names = tuple(shape.arguments()) if shape.by_name else None
    reader.plainly, reader.header = plainly, version.header
    reader.remembered = _Remembered()
    return reader.read


def _slots(steps, wanted, conditions):
    """Path → slot: what is wanted first, in its order, then what the conditions look at, then what records are of.

    Where an optional record is absent, the slots of its values stay empty: nothing else may ask for them.
    """
    if len(set(wanted)) != len(wanted):
        raise Unsupported(f"a field has one place: {wanted}")
    inner = [
        each.path
        for number, step in enumerate(steps)
        if step.kind == "record"
        for each in steps[number + 1 : number + 1 + step.count]
    ]
    outer = [*wanted, *conditions.needed.values(), *conditions.sound_of]
    unknown = {*outer, *conditions.filled} - ({step.path for step in steps} - set(inner))
    if unknown:
        raise Unsupported(f"not always fields of it: {', '.join(sorted(unknown))}")
    return {path: number for number, path in enumerate(dict.fromkeys([*outer, *inner]), 1)}


cdef void _take_steps(Reader reader, list steps, dict slots, nested, conditions, repeated) except *:
    cdef Step *step
    reader.steps = <Step *>PyMem_Calloc(len(steps), sizeof(Step))
    if reader.steps == NULL:
        raise MemoryError
    reader.count = len(steps)
    reader._kept = [nested[each.record] if each.record else each.symbols for each in steps]
    for number, each in enumerate(steps):
        step = &reader.steps[number]
        step.code, step.optional, step.slot = _CODES[each.kind], each.optional, slots.get(each.path, -1)
        step.filled, step.repeated = each.path in conditions.filled, each.path.partition(".")[0] in repeated
        step.count = each.count or len(each.symbols)
        step.what = <PyObject *>reader._kept[number]
        if each.record:
            step.first = slots[steps[number + 1].path]
        if each.path == "type" and each.symbols:
            step.decides = True
            for symbol_number, symbol in enumerate(each.symbols):
                reader.needed[symbol_number] = slots.get(conditions.needed.get(symbol), -1)
