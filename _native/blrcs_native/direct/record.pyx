"""RecordService.Get, answered in one step where nothing has to be waited for."""

cimport cython
from libc.string cimport memchr, memcmp

from blrcs_native.calls.call cimport Call
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.databases.sqlite_point cimport SqlitePoint
from blrcs_native.direct.gathered_reads cimport GatheredReads
from blrcs_native.direct.handler cimport DirectHandler
from blrcs_native.encoding.protobuf_wire cimport Span, read_sole_text, text_of
from blrcs_native.guards.request_rules cimport is_id_span, is_record_id
from blrcs_native.records.copies cimport RecordCopies, RecordCopy

cdef enum:
    MAX_NAME_BYTES = 320


cdef bint take_id(Span* rest, const char* kind, Py_ssize_t kind_size, Span* found) noexcept nogil:
    """``kind`` and what follows it up to a slash or the end, both taken off ``rest``."""
    cdef const unsigned char* end
    if rest.size <= kind_size or memcmp(rest.data, kind, kind_size) != 0:
        return False
    rest.data += kind_size
    rest.size -= kind_size
    end = <const unsigned char*>memchr(rest.data, c"/", rest.size)
    found.data = rest.data
    found.size = rest.size if end == NULL else end - rest.data
    rest.data += found.size
    rest.size -= found.size
    return found.size > 0


cdef bint split_name(Span name, Span* tenant, Span* collection, Span* record) noexcept nogil:
    """The ids in the name of a record, whatever they are made of."""
    cdef Span rest = name
    return (
        take_id(&rest, b"tenants/", 8, tenant)
        and take_id(&rest, b"/collections/", 13, collection)
        and take_id(&rest, b"/records/", 9, record)
        and rest.size == 0
    )


@cython.final
cdef class DirectGetRecord(DirectHandler):
    cdef RecordCopies copies
    cdef GatheredReads gathered
    cdef SqlitePoint point
    cdef object read

    def __init__(self, source not None, guards=()):
        DirectHandler.__init__(self, guards, ("name",))
        if type(source) is RecordCopies:
            self.copies = source
        elif type(source) is GatheredReads:
            self.gathered = source
            self.waits = True
        elif type(source) is SqlitePoint:
            self.point = source
        else:
            self.read = source

    cdef object answer(self, Call call, const unsigned char* body, Py_ssize_t size):
        cdef Span span, tenant, collection, record
        cdef Py_ssize_t length = 0
        cdef Rejection rejection
        if not read_sole_text(body, size, &span, &length) or not 0 < span.size <= MAX_NAME_BYTES:
            return None
        cdef bint is_split = split_name(span, &tenant, &collection, &record)
        if self.gathered is not None and not (
            is_split
            and is_id_span(tenant)
            and is_id_span(collection)
            and is_record_id(record.data, record.size)
            and call.messages is not None
            and self.leaves_nothing()
        ):
            return None
        cdef str name = text_of(span)
        # Before anything is looked up: not even by the time that it takes may whoever is refused
        # learn what there is. A look at the access table leaves nothing behind, so the handler may
        # decline after it.
        if not self.is_admitted(call, &span):
            rejection = self.admit_texts(call, (name,))
            if rejection is not None:
                return rejection
            self.note_admitted(call, &span)
        if self.copies is not None:
            return self._copied(name)
        if not is_split:
            return None
        if self.point is not None:
            return self.point.find_c(tenant, collection, record)
        if self.gathered is not None:
            return self.gathered.join(call, text_of(tenant), text_of(collection), text_of(record))
        return self.read(text_of(tenant), text_of(collection), text_of(record))

    cdef bytes _copied(self, str name):
        # There are copies of valid names alone.
        cdef RecordCopy copy = self.copies.find_c(name)
        return None if copy is None or copy.sealed is not None else copy.encoded
