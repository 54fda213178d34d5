"""CacheService.Get and Set in memory, each answered in one step."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport INT64_MAX, int64_t, uint64_t

from blrcs_native.cache.near cimport NearCopies, NearCopy, NearSpace
from blrcs_native.cache.space cimport CacheSpace, StoredEntry
from blrcs_native.cache.store cimport ALWAYS, IF_ABSENT, IF_PRESENT, IF_VERSION, Condition
from blrcs_native.calls.call cimport Call
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.direct.handler cimport DirectHandler
from blrcs_native.encoding.protobuf_wire cimport (
    Reader,
    Span,
    bytes_size,
    instant_size,
    is_done,
    number_size,
    put_instant,
    put_length,
    put_number,
    put_text,
    read_bytes,
    read_flag,
    read_number,
    read_text,
    reader_of,
    span_of,
    text_of,
    text_size,
)
from blrcs_native.guards.request_rules cimport is_id_span

cdef enum:
    MAX_KEY_BYTES = 1024
    MAX_VALUE_BYTES = 1 << 20
    MAX_CONTENT_TYPE_LENGTH = 128
    MAX_TTL_S = 31_622_400
    NS_PER_S = 1_000_000_000
    MAX_KEPT_REJECTIONS = 1024

cdef str DEFAULT_CONTENT_TYPE = "application/octet-stream"


cdef struct SetRequest:
    Span name
    Span key
    Span value
    Span content_type
    int64_t ttl_ns  # 0 where none is stated
    Condition condition
    uint64_t version


@cython.final
@cython.freelist(8)
cdef class EntryFields:
    """What guards may read of a request."""

    cdef readonly str namespace
    cdef readonly str key


cdef inline EntryFields fields_of(str namespace, str key):
    cdef EntryFields fields = EntryFields.__new__(EntryFields)
    fields.namespace = namespace
    fields.key = key
    return fields


cdef inline CacheSpace space_of(dict namespaces, str name):
    """The namespace, or None while nothing was written to it."""
    cdef PyObject* found = PyDict_GetItemWithError(namespaces, name)
    return None if found == NULL else <CacheSpace?><object>found


cdef inline bint read_address(Reader* reader, Span* name, Span* key) noexcept nogil:
    """Namespace and key, valid by the rules of the contract."""
    cdef Py_ssize_t length = 0
    return (
        read_text(reader, 1, name, &length)
        and is_id_span(name[0])
        and read_text(reader, 2, key, &length)
        and 0 < key.size <= MAX_KEY_BYTES
    )


cdef bint read_ttl(Reader* reader, int64_t* ttl_ns) noexcept nogil:
    """A Duration above 0 and within the bounds, or 0 where there is none."""
    cdef Reader inner
    cdef Span part
    cdef uint64_t seconds = 0, nanos = 0
    cdef bint stated = False
    ttl_ns[0] = 0
    if not read_bytes(reader, 5, &part):
        return False
    if part.data == NULL:
        return True
    inner = reader_of(part.data, part.size)
    if not (
        read_number(&inner, 1, &seconds, &stated)
        and read_number(&inner, 2, &nanos, &stated)
        and is_done(&inner)
        and seconds <= MAX_TTL_S
        and nanos < NS_PER_S
    ):
        return False
    ttl_ns[0] = <int64_t>seconds * NS_PER_S + <int64_t>nanos
    return 0 < ttl_ns[0] <= <int64_t>MAX_TTL_S * NS_PER_S


cdef bint read_condition(Reader* reader, SetRequest* request) noexcept nogil:
    """At most one of the three; a flag that is stated is true."""
    cdef bint absent = False, present = False, versioned = False
    cdef uint64_t flag = 1
    if not (
        read_number(reader, 6, &flag, &absent)
        and flag == 1
        and read_number(reader, 7, &flag, &present)
        and flag == 1
        and read_number(reader, 8, &request.version, &versioned)
    ):
        return False
    request.condition = ALWAYS
    if absent:
        request.condition = IF_ABSENT
    elif present:
        request.condition = IF_PRESENT
    elif versioned:
        request.condition = IF_VERSION
    return absent + present + versioned <= 1


cdef bint read_set(const unsigned char* body, Py_ssize_t size, SetRequest* request) noexcept nogil:
    """A SetRequest that is valid by the rules of its contract."""
    cdef Reader reader = reader_of(body, size)
    cdef Py_ssize_t length = 0
    request.version = 0
    return (
        read_address(&reader, &request.name, &request.key)
        and read_bytes(&reader, 3, &request.value)
        and request.value.size <= MAX_VALUE_BYTES
        and read_text(&reader, 4, &request.content_type, &length)
        and length <= MAX_CONTENT_TYPE_LENGTH
        and read_ttl(&reader, &request.ttl_ns)
        and read_condition(&reader, request)
        and is_done(&reader)
    )


cdef bytes entry_reply(Span key, StoredEntry entry, int64_t expires_at_ns):
    """A GetResponse; an expiry of INT64_MAX is none."""
    cdef Py_ssize_t type_size = 0
    cdef const char* type_text = PyUnicode_AsUTF8AndSize(entry.content_type, &type_size)
    cdef Span content_type = span_of(type_text, type_size)
    cdef Span value = span_of(PyBytes_AS_STRING(entry.value), PyBytes_GET_SIZE(entry.value))
    cdef bint expires = expires_at_ns != INT64_MAX
    cdef Py_ssize_t size = (
        text_size(key.size)
        + text_size(value.size)
        + text_size(content_type.size)
        + number_size(entry.version)
        + (instant_size(expires_at_ns) if expires else 0)
    )
    cdef bytes reply = PyBytes_FromStringAndSize(NULL, bytes_size(size))
    cdef unsigned char* at = put_length(<unsigned char*>PyBytes_AS_STRING(reply), 1, size)
    at = put_text(at, 1, key)
    at = put_text(at, 2, value)
    at = put_text(at, 3, content_type)
    at = put_number(at, 4, entry.version)
    if expires:
        put_instant(at, 5, expires_at_ns)
    return reply


@cython.final
cdef class DirectGet(DirectHandler):
    cdef dict namespaces
    cdef object make_missing
    cdef dict missing

    def __init__(self, dict namespaces not None, make_missing, guards=()):
        DirectHandler.__init__(self, guards, ("namespace", "key"))
        self.namespaces = namespaces
        self.make_missing = make_missing
        self.missing = {}

    cdef object answer(self, Call call, const unsigned char* body, Py_ssize_t size):
        cdef Reader reader = reader_of(body, size)
        cdef Span[2] address  # of the namespace, and of the key
        cdef Rejection rejection
        cdef CacheSpace space
        cdef StoredEntry entry
        if not read_address(&reader, &address[0], &address[1]) or not is_done(&reader):
            return None
        cdef str name = text_of(address[0])
        cdef str key = text_of(address[1])
        if not self.is_admitted(call, address):
            rejection = self.admit(call, fields_of(name, key))
            if rejection is not None:
                return rejection
            self.note_admitted(call, address)
        space = space_of(self.namespaces, name)
        entry = None if space is None else space.find(key)
        if entry is None:
            return self._missing(name)
        return entry_reply(address[1], entry, space.expires_at_ns(entry, INT64_MAX))

    cdef Rejection _missing(self, str name):
        cdef PyObject* found = PyDict_GetItemWithError(self.missing, name)
        if found != NULL:
            return <Rejection><object>found
        rejection = self.make_missing(name)
        if len(self.missing) >= MAX_KEPT_REJECTIONS:
            self.missing.clear()
        self.missing[name] = rejection
        return rejection


@cython.final
cdef class DirectNearGet(DirectHandler):
    cdef NearCopies copies

    def __init__(self, NearCopies copies not None, guards=()):
        DirectHandler.__init__(self, guards, ("namespace", "key"))
        self.copies = copies

    cdef object answer(self, Call call, const unsigned char* body, Py_ssize_t size):
        cdef Reader reader = reader_of(body, size)
        cdef Span[2] address  # of the namespace, and of the key
        cdef Rejection rejection
        cdef NearSpace space
        cdef NearCopy copy
        if not read_address(&reader, &address[0], &address[1]) or not is_done(&reader):
            return None
        cdef str name = text_of(address[0])
        space = self.copies.space_of(name)
        if space is None:
            return None
        cdef str key = text_of(address[1])
        copy = space.find(key)
        if copy is None:  # whether there is an entry, the keeper knows
            return None
        if not self.is_admitted(call, address):
            rejection = self.admit(call, fields_of(name, key))
            if rejection is not None:
                return rejection
            self.note_admitted(call, address)
        space.count(copy)
        return entry_reply(
            address[1], copy.entry, self.copies.expires_at_ns(copy.entry, INT64_MAX)
        )


@cython.final
cdef class DirectSet(DirectHandler):
    cdef dict namespaces
    cdef dict watched
    cdef Rejection exists
    cdef Rejection is_missing
    cdef Rejection differs

    def __init__(
        self,
        dict namespaces not None,
        dict watched not None,
        guards=(),
        *,
        Rejection exists not None,
        Rejection missing not None,
        Rejection differs not None,
    ):
        DirectHandler.__init__(self, guards, ("namespace", "key"))
        self.namespaces = namespaces
        self.watched = watched
        self.exists = exists
        self.is_missing = missing
        self.differs = differs

    cdef object answer(self, Call call, const unsigned char* body, Py_ssize_t size):
        cdef SetRequest request
        cdef Rejection rejection
        cdef CacheSpace space
        cdef StoredEntry entry
        cdef int64_t version
        if not read_set(body, size, &request):
            return None
        cdef str name = text_of(request.name)
        space = space_of(self.namespaces, name)
        # A namespace is made, watchers are told, by the cache itself.
        if space is None or name in self.watched:
            return None
        cdef str key = text_of(request.key)
        entry = entry_of(&request)
        if entry.size_bytes > space.max_bytes:
            return None
        if not self.is_admitted(call, &request.name):
            rejection = self.admit(call, fields_of(name, key))
            if rejection is not None:
                return rejection
            self.note_admitted(call, &request.name)
        version = space.put(key, entry, request.ttl_ns, request.condition, request.version)
        if version > 0:
            return version_reply(<uint64_t>version)
        if request.condition == IF_ABSENT:
            return self.exists
        return self.is_missing if request.condition == IF_PRESENT else self.differs


cdef StoredEntry entry_of(const SetRequest* request):
    """What is to be stored, without its deadline."""
    cdef StoredEntry entry = StoredEntry.__new__(StoredEntry)
    cdef Py_ssize_t type_size = request.content_type.size
    if type_size:
        entry.content_type = text_of(request.content_type)
    else:
        entry.content_type = DEFAULT_CONTENT_TYPE
        type_size = len(DEFAULT_CONTENT_TYPE)
    entry.value = PyBytes_FromStringAndSize(<const char*>request.value.data, request.value.size)
    entry.size_bytes = request.key.size + request.value.size + type_size
    return entry


cdef bytes version_reply(uint64_t version):
    """A SetResponse."""
    cdef bytes reply = PyBytes_FromStringAndSize(NULL, number_size(version))
    put_number(<unsigned char*>PyBytes_AS_STRING(reply), 1, version)
    return reply
