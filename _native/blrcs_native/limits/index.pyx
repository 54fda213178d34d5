"""Finds the limit rule that a descriptor matches, by UTF-8 as it came over the wire."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError, PyDict_Next
from cpython.object cimport PyObject
from libc.string cimport memcmp

from blrcs_native.encoding.protobuf_wire cimport Span
from blrcs_native.limits.limiter cimport Limiter, Rule
from blrcs_native.shared.generation cimport Generation

WILDCARD = "*"

cdef enum:
    # So many texts are sooner compared than one is hashed.
    FEW = 4


@cython.final
cdef class LimitRule:
    def __init__(
        self, str name not None, Rule rule not None, *, bint shadow=False, dict shares=None
    ):
        self.name = name
        self.name_utf8 = name.encode()
        self.rule = rule
        self.shadow = shadow
        self.shares = shares


@cython.final
cdef class _Values:
    """What follows an entry of one key, by its value."""

    cdef dict exact
    cdef dict beginnings
    cdef tuple lengths  # of the beginnings, in bytes, the longest first
    cdef _Node any

    def __cinit__(self):
        self.exact = {}
        self.beginnings = {}
        self.lengths = ()

    cdef _Node branch(self, str value):
        """The node for a rule's value, made where it is missing."""
        if not value:
            if self.any is None:
                self.any = _Node()
            return self.any
        if not value.endswith(WILDCARD):
            return self.exact.setdefault(value.encode(), _Node())
        node = self.beginnings.setdefault(value[: -len(WILDCARD)].encode(), _Node())
        self.lengths = tuple(sorted({len(each) for each in self.beginnings}, reverse=True))
        return node


@cython.final
cdef class _Node:
    """A step of the way through a descriptor."""

    cdef dict keys
    cdef LimitRule found

    def __cinit__(self):
        self.keys = {}


cdef inline PyObject* item_of(dict items, const unsigned char* text, Py_ssize_t size) except? NULL:
    """A value by its key, borrowed, or NULL."""
    cdef Py_ssize_t at = 0
    cdef PyObject* key
    cdef PyObject* value
    if len(items) <= FEW:
        while PyDict_Next(items, &at, &key, &value):
            if PyBytes_GET_SIZE(<object>key) == size and (
                size == 0 or memcmp(PyBytes_AS_STRING(<object>key), text, size) == 0
            ):
                return value
        return NULL
    return PyDict_GetItemWithError(items, PyBytes_FromStringAndSize(<const char*>text, size))


cdef PyObject* find_below(_Node node, const SpanPair* entries, Py_ssize_t count) except? NULL:
    """The closest match: exact earliest, then the longest beginning, then any value."""
    cdef _Values values
    cdef PyObject* next
    cdef PyObject* found
    cdef Py_ssize_t size
    cdef Span value
    if not count:
        return <PyObject*>node.found if node.found is not None else NULL
    next = item_of(node.keys, entries[0].key.data, entries[0].key.size)
    if next == NULL:
        return NULL
    values = <_Values>next
    value = entries[0].value
    next = item_of(values.exact, value.data, value.size)
    if next != NULL:
        found = find_below(<_Node>next, entries + 1, count - 1)
        if found != NULL:
            return found
    for length in values.lengths:
        size = length
        if size <= value.size:
            next = item_of(values.beginnings, value.data, size)
            if next != NULL:
                found = find_below(<_Node>next, entries + 1, count - 1)
                if found != NULL:
                    return found
    return NULL if values.any is None else find_below(values.any, entries + 1, count - 1)


@cython.final
cdef class LimitIndex:
    def __init__(self, rules=()):
        cdef _Node node
        cdef _Values values
        self._domains = {}
        for domain, match, rule in rules:
            node = self._domains.setdefault(domain.encode(), _Node())
            for key, value in match:
                values = node.keys.setdefault(key.encode(), _Values())
                node = values.branch(value)
            node.found = rule

    cdef PyObject* find(
        self, Span domain, const SpanPair* entries, Py_ssize_t count
    ) except? NULL:
        cdef PyObject* node = item_of(self._domains, domain.data, domain.size)
        return NULL if node == NULL else find_below(<_Node>node, entries, count)


@cython.final
cdef class CurrentLimits:
    def __init__(self, Limiter limiter not None):
        self.limiter = limiter
        self._index = LimitIndex()

    def replace(self, LimitIndex index not None):
        self._index = index

    def follow(self, Generation generation not None, load_anew not None):
        self._generation = generation
        self._load_anew = load_anew

    @property
    def index(self):
        return self.now()

    cdef LimitIndex now(self):
        if self._generation is not None and self._generation.has_moved():
            self._generation.catch_up(self._load_anew)
        return self._index
