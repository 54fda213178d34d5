"""JSON lines written as the writes of a blrcs.v1.BatchWriteRecordsRequest.

Numbers of fields are those of record.proto. A line is read once, from its text to the request's
octets; the data are written first, wherever they stand in the line, and moved behind what comes
before them in the write.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_RawFree, PyMem_RawRealloc
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DecodeASCII
from libc.stdint cimport uint64_t
from libc.string cimport memchr, memcmp, memcpy, memmove

from blrcs_native.encoding.json_reader cimport Text, skip_byte, skip_space, skip_word
from blrcs_native.encoding.json_struct cimport Output, put_object, read_plain_text, take
from blrcs_native.encoding.protobuf_wire cimport Span, bytes_size, put_length, put_number, span_of
from blrcs_native.encoding.struct_json cimport require_levels
from blrcs_native.guards.request_rules cimport MAX_RECORD_ID_BYTES, is_record_id

cdef enum:
    FIRST_PLACES = 256
    HEAD_BYTES = 64  # more than all tags and lengths of a write
    MOST_ID_DIGITS = 18
    ADDED = -1

    WRITES = 2
    CREATE = 1
    CREATION_ID = 2
    CREATION_RECORD = 3
    UPDATE = 2
    UPDATED_RECORD = 1
    ALLOW_MISSING = 3
    ALLOW_MISSING_SIZE = 2
    NAME = 1
    DATA = 2
    EXPIRE_TIME = 6

cdef bytes NAMES_ONLY = b"\x1a\x06\n\x04name"  # the request's read_mask: a reply of little else


# A write, and the line that it was read of.
cdef struct Place:
    Py_ssize_t end  # of its octets
    Py_ssize_t block
    Py_ssize_t start
    Py_ssize_t stop
    Py_ssize_t number


cdef class LineBlock:
    cdef bytes text
    cdef Py_ssize_t offset
    cdef readonly Py_ssize_t at
    cdef readonly Py_ssize_t stop
    cdef readonly Py_ssize_t number

    def __init__(
        self,
        bytes text not None,
        Py_ssize_t stop,
        *,
        Py_ssize_t at,
        Py_ssize_t number,
        Py_ssize_t offset,
    ):
        if not 0 <= at <= stop <= PyBytes_GET_SIZE(text):
            raise ValueError("lines begin and end within the text")
        self.text = text
        self.at = at
        self.stop = stop
        self.number = number
        self.offset = offset

    def take(self):
        cdef Py_ssize_t start = self.at
        if start == self.stop:
            raise IndexError("all lines are read")
        self.skip()
        return self.number, self.offset + self.at, self.text[start:self.at]

    cdef inline const unsigned char* octets(self) noexcept:
        return <const unsigned char*>PyBytes_AS_STRING(self.text)

    cdef inline Py_ssize_t line_end(self) noexcept:
        cdef const unsigned char* start = self.octets()
        cdef const unsigned char* found = <const unsigned char*>memchr(
            start + self.at, c"\n", self.stop - self.at
        )
        return self.stop if found == NULL else found - start + 1

    cdef inline void skip(self) noexcept:
        self.at = self.line_end()
        self.number += 1


cdef bint is_blank(const unsigned char* at, const unsigned char* end) noexcept nogil:
    """As ``bytes.isspace`` has it."""
    while at < end and (at[0] == c" " or c"\t" <= at[0] <= c"\r"):
        at += 1
    return at == end


cdef bint read_id(Text* line, Span* record_id) noexcept nogil:
    """A text, or a whole number as it is written."""
    skip_space(line)
    if line.at < line.end and line.at[0] == c'"':
        return read_plain_text(line, &record_id.data, &record_id.size) and is_record_id(
            record_id.data, record_id.size
        )
    record_id.data = line.at
    while line.at < line.end and c"0" <= line.at[0] <= c"9":
        line.at += 1
    record_id.size = line.at - record_id.data
    if not 0 < record_id.size <= MOST_ID_DIGITS:
        return False
    return record_id.data[0] != c"0" or record_id.size == 1


cdef bint read_record(Text* line, Output* output, int levels, Span* record_id) noexcept:
    """A line's record: its id, and its data as they are written."""
    cdef const unsigned char* name
    cdef Py_ssize_t size
    cdef bint has_data = False
    record_id.size = 0
    if not skip_byte(line, c"{"):
        return False
    while True:
        if not read_plain_text(line, &name, &size) or not skip_byte(line, c":"):
            return False
        if size == 2 and memcmp(name, b"id", 2) == 0:
            if record_id.size or not read_id(line, record_id):
                return False
        elif size == 4 and memcmp(name, b"data", 4) == 0:
            if has_data or not put_object(line, output, levels):
                return False
            has_data = True
        else:
            return False
        if skip_byte(line, c"}"):
            break
        if not skip_byte(line, c","):
            return False
    skip_space(line)
    return has_data and record_id.size > 0 and line.at == line.end


cdef class RecordWrites:
    cdef Output _output
    cdef Place* _places
    cdef Py_ssize_t _room
    cdef Py_ssize_t _count
    cdef bytes _parent
    cdef bytes _prefix
    cdef bint _replaces
    cdef int _max_levels
    cdef Py_ssize_t _max_bytes
    cdef Py_ssize_t _overhead
    cdef list _blocks
    cdef readonly set ids
    cdef public Py_ssize_t size_bytes
    cdef public Py_ssize_t left_out
    cdef readonly Py_ssize_t end
    cdef readonly Py_ssize_t number

    def __init__(
        self,
        bytes parent not None,
        str prefix not None,
        *,
        bint replaces,
        int max_levels,
        Py_ssize_t max_bytes,
        Py_ssize_t overhead,
    ):
        require_levels(max_levels)
        self._parent = parent
        self._prefix = prefix.encode()
        self._replaces = replaces
        self._max_levels = max_levels
        self._max_bytes = max_bytes
        self._overhead = overhead
        self._blocks = []
        self.ids = set()

    def __dealloc__(self):
        PyMem_RawFree(self._output.start)
        PyMem_RawFree(self._places)

    def __len__(self):
        return self._count

    def read(self, LineBlock block not None, Py_ssize_t most):
        cdef Py_ssize_t stop, before, size
        cdef const unsigned char* start = block.octets()
        cdef Span record_id
        cdef Text line
        cdef str text
        if not self._blocks or self._blocks[-1] is not block:
            self._blocks.append(block)
        while block.at < block.stop:
            stop = block.line_end()
            if is_blank(start + block.at, start + stop):
                block.skip()
                continue
            if self._count + self.left_out >= most:
                return True
            line.at = start + block.at
            line.end = start + stop
            before = self._output.used
            size = self.put_data(&line, &record_id)
            if size < 0:
                self._output.used = before
                return False
            text = PyUnicode_DecodeASCII(<const char*>record_id.data, record_id.size, NULL)
            if not self.takes(text, size):
                self._output.used = before
                return True
            self.put_write(before, size, record_id, span_of(NULL, 0))
            self.place(len(self._blocks) - 1, block.at, stop, block.number + 1)
            self.ids.add(text)
            self.size_bytes += size + self._overhead
            block.at = stop
            block.number += 1
            self.end = block.offset + stop
            self.number = block.number
        return False

    cdef Py_ssize_t put_data(self, Text* line, Span* record_id) except -2:
        """Writes a line's data behind room for all that comes before; their size, or -1."""
        cdef Py_ssize_t start = self._output.used + self.head_room()
        if take(&self._output, start - self._output.used) == NULL:
            raise MemoryError
        if not read_record(line, &self._output, self._max_levels, record_id):
            return -1
        return self._output.used - start

    cdef inline Py_ssize_t head_room(self) noexcept:
        return (
            HEAD_BYTES
            + MAX_RECORD_ID_BYTES
            + PyBytes_GET_SIZE(self._parent)
            + PyBytes_GET_SIZE(self._prefix)
        )

    cdef bint takes(self, str record_id, Py_ssize_t size) except -1:
        if self._count + self.left_out == 0:
            return True
        return self.size_bytes + size + self._overhead <= self._max_bytes and (
            record_id not in self.ids
        )

    cdef int put_write(
        self, Py_ssize_t before, Py_ssize_t size, Span record_id, Span expire_time
    ) except -1:
        """What stands around data that are written behind their room."""
        cdef Py_ssize_t data = before + self.head_room()
        cdef Py_ssize_t after = bytes_size(expire_time.size) if expire_time.size else 0
        cdef Py_ssize_t record = bytes_size(size) + after
        cdef unsigned char* at = self._output.start + before
        if self._replaces:
            at = self.put_update(at, record, record_id)
        else:
            at = self.put_creation(at, record, record_id)
        at = put_length(at, DATA, size)
        memmove(at, self._output.start + data, size)
        self._output.used = at + size - self._output.start
        if after:
            at = take(&self._output, after)
            if at == NULL:
                raise MemoryError
            memcpy(put_length(at, EXPIRE_TIME, expire_time.size), expire_time.data, expire_time.size)
        if self._replaces:
            at = take(&self._output, ALLOW_MISSING_SIZE)
            if at == NULL:
                raise MemoryError
            put_number(at, ALLOW_MISSING, 1)
        return 0

    cdef unsigned char* put_creation(
        self, unsigned char* at, Py_ssize_t record, Span record_id
    ) noexcept:
        cdef Py_ssize_t parent = PyBytes_GET_SIZE(self._parent)
        cdef Py_ssize_t creation = parent + bytes_size(record_id.size) + bytes_size(record)
        at = put_length(at, WRITES, bytes_size(creation))
        at = put_length(at, CREATE, creation)
        memcpy(at, PyBytes_AS_STRING(self._parent), parent)
        at = put_length(at + parent, CREATION_ID, record_id.size)
        memcpy(at, record_id.data, record_id.size)
        return put_length(at + record_id.size, CREATION_RECORD, record)

    cdef unsigned char* put_update(
        self, unsigned char* at, Py_ssize_t record, Span record_id
    ) noexcept:
        cdef Py_ssize_t prefix = PyBytes_GET_SIZE(self._prefix)
        record += bytes_size(prefix + record_id.size)
        cdef Py_ssize_t update = bytes_size(record) + ALLOW_MISSING_SIZE
        at = put_length(at, WRITES, bytes_size(update))
        at = put_length(at, UPDATE, update)
        at = put_length(at, UPDATED_RECORD, record)
        at = put_length(at, NAME, prefix + record_id.size)
        memcpy(at, PyBytes_AS_STRING(self._prefix), prefix)
        memcpy(at + prefix, record_id.data, record_id.size)
        return at + prefix + record_id.size

    cdef int place(
        self, Py_ssize_t block, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t number
    ) except -1:
        cdef Py_ssize_t room
        cdef Place* moved
        if self._count == self._room:
            room = 2 * self._room + FIRST_PLACES
            moved = <Place*>PyMem_RawRealloc(self._places, room * sizeof(Place))
            if moved == NULL:
                raise MemoryError
            self._places = moved
            self._room = room
        cdef Place* added = &self._places[self._count]
        added.end = self._output.used
        added.block = block
        added.start = start
        added.stop = stop
        added.number = number
        self._count += 1
        return 0

    def add(self, str record_id not None, bytes data not None, bytes expire_time not None):
        cdef Py_ssize_t before = self._output.used, size = PyBytes_GET_SIZE(data), id_size = 0
        cdef const char* id_text = PyUnicode_AsUTF8AndSize(record_id, &id_size)
        if id_size > MAX_RECORD_ID_BYTES:
            raise ValueError("an id has at most 128 bytes")
        cdef unsigned char* at = take(&self._output, self.head_room() + size)
        if at == NULL:
            raise MemoryError
        memcpy(at + self.head_room(), PyBytes_AS_STRING(data), size)
        self.put_write(
            before,
            size,
            span_of(id_text, id_size),
            span_of(PyBytes_AS_STRING(expire_time), PyBytes_GET_SIZE(expire_time)),
        )
        self.place(ADDED, 0, 0, 0)
        self.ids.add(record_id)
        self.size_bytes += size + self._overhead

    cdef Place* at(self, Py_ssize_t index) except NULL:
        if not 0 <= index < self._count:
            raise IndexError("there is no such write")
        return &self._places[index]

    def line(self, Py_ssize_t index):
        cdef Place* place = self.at(index)
        if place.block == ADDED:
            return None
        cdef LineBlock block = self._blocks[place.block]
        return place.number, block.offset + place.stop, block.text[place.start:place.stop]

    def request(self, Py_ssize_t first, Py_ssize_t last):
        if not 0 <= first < last <= self._count:
            raise IndexError("there are not so many writes")
        cdef Py_ssize_t start = self._places[first - 1].end if first else 0
        cdef Py_ssize_t size = self._places[last - 1].end - start
        cdef Py_ssize_t parent = PyBytes_GET_SIZE(self._parent)
        cdef Py_ssize_t mask = PyBytes_GET_SIZE(NAMES_ONLY)
        cdef bytes request = PyBytes_FromStringAndSize(NULL, parent + size + mask)
        cdef char* at = PyBytes_AS_STRING(request)
        memcpy(at, PyBytes_AS_STRING(self._parent), parent)
        memcpy(at + parent, self._output.start + start, size)
        memcpy(at + parent + size, PyBytes_AS_STRING(NAMES_ONLY), mask)
        return request
