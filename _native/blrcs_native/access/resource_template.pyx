"""Resource names, and templates that write them with the fields of a request.

A resource name is a path of 1 to 16 segments between slashes, 1024 bytes of UTF-8 at most. No
segment is empty, ``.`` or ``..``, none holds a control character (Unicode's category Cc). The empty
name is the root. Names are compared byte by byte: no case folding, no unescaping, no normal form.
"""

import re

from google.protobuf.descriptor import FieldDescriptor

cimport cython

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size_bytes) except NULL

MAX_RESOURCE_BYTES = 1024
MAX_RESOURCE_SEGMENTS = RESOURCE_DEPTHS - 1

cdef enum:
    RESOURCE_BYTES = 1024

cdef tuple FAULTS = (
    "",
    f"is longer than {MAX_RESOURCE_BYTES} bytes",
    f"has more than {MAX_RESOURCE_SEGMENTS} segments",
    "has an empty segment",
    "has a segment '.' or '..'",
    "has a control character",
    "is not valid Unicode",
)

cdef object FIELD = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)(=\*\*\??)?\}")

cdef frozenset MESSAGE_TYPES = frozenset({FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_GROUP})
cdef frozenset INTEGER_TYPES = frozenset(
    {
        FieldDescriptor.TYPE_INT32,
        FieldDescriptor.TYPE_INT64,
        FieldDescriptor.TYPE_UINT32,
        FieldDescriptor.TYPE_UINT64,
        FieldDescriptor.TYPE_SINT32,
        FieldDescriptor.TYPE_SINT64,
        FieldDescriptor.TYPE_FIXED32,
        FieldDescriptor.TYPE_FIXED64,
        FieldDescriptor.TYPE_SFIXED32,
        FieldDescriptor.TYPE_SFIXED64,
    }
)


@cython.boundscheck(False)  # raw pointers: ``prefixes`` has room for RESOURCE_DEPTHS
cdef ResourceFault split_resource(
    const unsigned char* text,
    Py_ssize_t size_bytes,
    uint64_t seed,
    ResourcePrefix* prefixes,
    int* depth,
) noexcept nogil:
    """Judges a name and writes down its prefixes of whole segments, the root first.

    ``depth`` counts the segments. The hashes are FNV-1a from ``seed`` on: weak in their low bits.
    """
    cdef Py_ssize_t i, start = 0
    cdef uint64_t hash = seed
    cdef unsigned char byte = 0
    cdef unsigned char last
    prefixes[0].hash = seed
    prefixes[0].size_bytes = 0
    depth[0] = 0
    if size_bytes == 0:
        return RESOURCE_VALID
    if size_bytes > RESOURCE_BYTES:
        return RESOURCE_TOO_LONG
    for i in range(size_bytes + 1):
        last = byte
        byte = text[i] if i < size_bytes else c"/"
        if byte == c"/":
            if i == start:
                return RESOURCE_EMPTY_SEGMENT
            if text[start] == c"." and (
                i - start == 1 or (i - start == 2 and text[start + 1] == c".")
            ):
                return RESOURCE_DOT_SEGMENT
            if depth[0] == RESOURCE_DEPTHS - 1:
                return RESOURCE_TOO_DEEP
            depth[0] += 1
            prefixes[depth[0]].hash = hash
            prefixes[depth[0]].size_bytes = i
            start = i + 1
        elif byte < 0x20 or byte == 0x7F or (last == 0xC2 and byte < 0xA0):
            return RESOURCE_CONTROL_CHARACTER  # the last is U+0080 to U+009F in UTF-8
        hash = (hash ^ byte) * <uint64_t>0x100000001B3
    return RESOURCE_VALID


cdef ResourceFault resource_fault(str name) noexcept:
    """What is wrong with a name; nothing is with the root."""
    cdef ResourcePrefix prefixes[RESOURCE_DEPTHS]
    cdef int depth
    cdef Py_ssize_t size_bytes
    cdef const char* text
    try:
        text = PyUnicode_AsUTF8AndSize(name, &size_bytes)
    except Exception:  # None or no memory: what cannot be read is not valid either
        return RESOURCE_NOT_UNICODE
    return split_resource(<const unsigned char*>text, size_bytes, 0, prefixes, &depth)


def validate_resource(str name not None):
    """Accepts resource names and the root.

    Raises:
        ValueError: says what is wrong with the name.
    """
    cdef ResourceFault fault = resource_fault(name)
    if fault != RESOURCE_VALID:
        raise ValueError(f"resource {name[:80]!r} {FAULTS[fault]}")


@cython.final
cdef class _Field:
    """A path of attributes; steps that may be absent are asked for presence first."""

    cdef tuple steps
    cdef tuple asked
    cdef bint spans_segments
    cdef bint may_be_root

    def __cinit__(self, str path, str span, descriptor):
        self.steps = tuple(path.split("."))
        self.spans_segments = span is not None
        self.may_be_root = span == "=**?"
        self.asked = (False,) * len(self.steps)
        if descriptor is not None:
            self.asked = _resolve(path, self.steps, descriptor)

    cdef str text_of(self, object message):
        """The value as text; None where it is absent, empty or nothing that names a resource."""
        cdef str text
        cdef Py_ssize_t i
        for i in range(len(self.steps)):
            if self.asked[i] and not message.HasField(self.steps[i]):
                return None
            message = getattr(message, self.steps[i])
        if type(message) is str:
            text = <str>message
        elif type(message) is int:
            text = str(message)
        else:
            return None
        if not text:
            return "" if self.may_be_root else None
        if not self.spans_segments and "/" in text:
            return None
        return text


cdef tuple _resolve(str path, tuple steps, descriptor):
    """Which steps to ask for presence: an absent number would read as 0, as if it were sent."""
    cdef list asked = []
    for position, step in enumerate(steps):
        field = descriptor.fields_by_name.get(step)
        if field is None:
            raise ValueError(f"field {path!r}: {descriptor.full_name} has no field {step!r}")
        if field.is_repeated:
            raise ValueError(f"field {path!r}: {step!r} is repeated or a map")
        asked.append(field.has_presence)
        if position < len(steps) - 1:
            if field.type not in MESSAGE_TYPES:
                raise ValueError(f"field {path!r}: {step!r} is no message")
            descriptor = field.message_type
        elif field.type != FieldDescriptor.TYPE_STRING and field.type not in INTEGER_TYPES:
            raise ValueError(f"field {path!r}: {step!r} is neither a string nor an integer")
    return tuple(asked)


cdef inline str joined(str one, str other):
    if not one or not other:
        return one or other
    return one + other


@cython.final
cdef class ResourceTemplate:
    """A resource name with fields in place of segments: ``tenants/{tenant_id}/orders/{order.id}``.

    ``{path}`` stands for one segment: a string without slashes, or an integer in decimal.
    ``{path=**}`` stands for one or more, for fields that hold a resource name themselves, and
    ``{path=**?}``, which only the first segment may be, for none too: the root. With a
    descriptor, paths are checked against it: each must lead to a string or an integer, over no
    repeated field or map, and a field that is absent renders nothing, as an empty string does.
    Without one, an absent integer reads as 0 and an enum as its number.

    The empty template is the root. Immutable; safe under any number of callers.

    Raises:
        ValueError: the text is no template, or a path does not fit the descriptor.
    """

    def __cinit__(self, str text not None, descriptor=None):
        cdef list literals = [], fields = [], paths = []
        literal = ""
        for number, segment in enumerate(text.split("/") if text else ()):
            if number:
                literal += "/"
            match = FIELD.fullmatch(segment)
            if match is not None:
                literals.append(literal)
                if match[2] == "=**?" and number:
                    raise ValueError(f"template {text!r}: only the first segment may be the root")
                fields.append(_Field(match[1], match[2], descriptor))
                paths.append(match[1])
                literal = ""
            elif "{" in segment or "}" in segment:
                raise ValueError(f"template {text!r}: {segment!r} is no field")
            else:
                literal += segment
        sample = "/".join("x" if FIELD.fullmatch(part) else part for part in text.split("/"))
        cdef ResourceFault fault = resource_fault(sample)
        if fault != RESOURCE_VALID:
            raise ValueError(f"template {text!r} {FAULTS[fault]}")
        self.text = text
        self.fields = tuple(paths)
        self.is_constant = not fields
        self._literals = (*literals, literal)
        self._fields = tuple(fields)

    cdef str render_c(self, object message):
        """As :meth:`render`; the message of a constant template may be None."""
        cdef str name = self.fill(message)
        return name if self.is_constant or resource_fault(name) == RESOURCE_VALID else None

    cdef str fill(self, object message):
        """What :meth:`render` judges; None is no name either."""
        cdef str value
        cdef str name = <str>self._literals[0]
        cdef Py_ssize_t i
        for i in range(len(self._fields)):
            value = (<_Field>self._fields[i]).text_of(message)
            if value is None:
                return None
            if not value:  # the root, which no slash follows
                name = (<str>self._literals[i + 1])[1:]
            else:
                name = joined(joined(name, value), <str>self._literals[i + 1])
        return name

    def render(self, message):
        """The name for this message: valid, or None, which no permission covers.

        None where a field is absent or empty, where a single segment holds a slash, or where the
        whole is no resource name. A message of another type than the descriptor's is a mistake in
        the program and raises AttributeError or ValueError.
        """
        return self.render_c(message)

    def field_without_name(self, message):
        """The first field that is absent, empty, or holds a slash where it may not; else None."""
        for path, field in zip(self.fields, self._fields):
            if (<_Field>field).text_of(message) is None:
                return path
        return None

    def __repr__(self):
        return f"ResourceTemplate({self.text!r})"
