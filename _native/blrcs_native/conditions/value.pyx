"""The values that conditions work with, and what CEL says of them.

They are Python's bool, int, float, str, bytes and None, lists and dicts, protobuf's messages and
their containers, and instants and spans. What goes wrong gives ERROR.
"""

from collections.abc import Mapping, Sequence

from google.protobuf.message import Message

cimport cython
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from blrcs_native.conditions.condition cimport ERROR

cdef object MIN_INT = -(2**63)
cdef object MAX_INT = 2**63 - 1
cdef object NS_PER_S = 1_000_000_000
cdef str WELL_KNOWN = "google.protobuf."
cdef frozenset WRAPPERS = frozenset(
    f"{kind}Value"
    for kind in ("Bool", "Int32", "Int64", "UInt32", "UInt64", "Float", "Double", "String", "Bytes")
)


@cython.final
@cython.freelist(16)
cdef class Instant:
    """Nanoseconds since the Unix epoch."""

    def __init__(self, int64_t ns):
        self.ns = ns


@cython.final
@cython.freelist(16)
cdef class Span:
    """A duration in nanoseconds."""

    def __init__(self, int64_t ns):
        self.ns = ns


cdef object whole(object number):
    """An integer, if it has 64 bits."""
    return number if MIN_INT <= number <= MAX_INT else ERROR


cdef object instant(object ns):
    return Instant(ns) if MIN_INT <= ns <= MAX_INT else ERROR


cdef object span(object ns):
    return Span(ns) if MIN_INT <= ns <= MAX_INT else ERROR


cdef bint is_number(object value) noexcept:
    return type(value) is int or type(value) is float


cdef bint is_map(object value):
    return type(value) is dict or isinstance(value, Mapping)


cdef object listed(object value):
    """What goes through as a list, or None."""
    if type(value) is tuple or type(value) is list:
        return value
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return value
    return None


cdef object adapted(object value):
    """A value of a message or of claims as conditions see it: well-known messages are what they mean."""
    if not isinstance(value, Message):
        return value
    cdef str name = value.DESCRIPTOR.full_name
    if not name.startswith(WELL_KNOWN):
        return value
    name = name[len(WELL_KNOWN):]
    if name == "Timestamp":
        return instant(value.seconds * NS_PER_S + value.nanos)
    if name == "Duration":
        return span(value.seconds * NS_PER_S + value.nanos)
    if name == "Struct":
        return value.fields
    if name == "ListValue":
        return value.values
    if name == "Value":
        kind = value.WhichOneof("kind")
        return None if kind is None or kind == "null_value" else adapted(getattr(value, kind))
    if name in WRAPPERS:
        return value.value
    return ERROR if name == "Any" else value


cdef object field_of(object value, str name):
    """A field of a message, or an entry of a map."""
    cdef PyObject* found
    if type(value) is dict:
        found = PyDict_GetItemWithError(value, name)
        return ERROR if found == NULL else adapted(<object>found)
    if not isinstance(value, Message):
        return item_of(value, name) if is_map(value) else ERROR
    field = value.DESCRIPTOR.fields_by_name.get(name)
    if field is None:
        return ERROR
    # A wrapper that is not there is null.
    if (
        field.message_type is not None
        and not field.is_repeated
        and field.message_type.full_name.removeprefix(WELL_KNOWN) in WRAPPERS
        and not value.HasField(name)
    ):
        return None
    return adapted(getattr(value, name))


cdef object has_field(object value, str name):
    """CEL's has(): presence where a field has it, else whether it differs from its default."""
    if is_map(value):
        return name in value
    if not isinstance(value, Message):
        return ERROR
    field = value.DESCRIPTOR.fields_by_name.get(name)
    if field is None:
        return ERROR
    if field.is_repeated:
        return len(getattr(value, name)) > 0
    if field.has_presence:
        return value.HasField(name)
    return getattr(value, name) != field.default_value


cdef object item_of(object value, object key):
    if is_map(value):
        # A map of messages would make what it is asked for.
        try:
            return adapted(value[key]) if type(key) is not float and key in value else ERROR
        except TypeError:  # a key of another type
            return ERROR
    items = listed(value)
    if items is None or type(key) is not int or not 0 <= key < len(items):
        return ERROR
    return adapted(items[key])


cdef object contains(object values, object value):
    """CEL's in."""
    if type(values) is tuple and type(value) is str:
        return value in values  # groups, and lists that are written out, have strings alone
    if is_map(values):
        return has_key(values, value)
    items = listed(values)
    if items is None:
        return ERROR
    for item in items:
        if equal(adapted(item), value) is True:
            return True
    return False


cdef object has_key(object values, object key):
    if type(key) is str:
        return key in values
    if type(key) is not int and type(key) is not bool and type(key) is not float:
        return ERROR
    # The keys of objects in JSON are strings alone.
    if type(values) is dict:
        return False
    try:
        return key in values
    except TypeError:
        return False


cdef object size_of(object value):
    if type(value) is str or type(value) is bytes or is_map(value) or listed(value) is not None:
        return len(value)
    return ERROR


cdef object equal(object left, object right):
    """True or False, and False for what cannot be compared."""
    if type(left) is str or type(right) is str:
        return type(left) is type(right) and left == right
    if is_number(left) or is_number(right):
        return is_number(left) and is_number(right) and left == right
    if left is ERROR or right is ERROR:
        return ERROR
    if type(left) is bool or left is None or type(left) is bytes:
        return type(left) is type(right) and left == right
    if type(left) is Instant:
        return type(right) is Instant and (<Instant>left).ns == (<Instant>right).ns
    if type(left) is Span:
        return type(right) is Span and (<Span>left).ns == (<Span>right).ns
    if isinstance(left, Message):
        return isinstance(right, Message) and left == right
    if is_map(left):
        return is_map(right) and equal_maps(left, right)
    return equal_lists(listed(left), listed(right))


cdef bint equal_maps(object left, object right) except -1:
    if len(left) != len(right):
        return False
    for key in left:
        if key not in right or equal(adapted(left[key]), adapted(right[key])) is not True:
            return False
    return True


cdef bint equal_lists(object left, object right) except -1:
    if left is None or right is None or len(left) != len(right):
        return False
    for one, other in zip(left, right):
        if equal(adapted(one), adapted(other)) is not True:
            return False
    return True
