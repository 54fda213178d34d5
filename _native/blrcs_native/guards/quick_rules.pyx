"""Rules on a message's fields that are quickly seen to hold; whoever is in doubt says so.

Who refuses needs to know what is wrong, and how to say it. Who admits needs neither, and most
messages are admitted.
"""

cimport cython
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint64_t

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    void* PyUnicode_DATA(object text)
    long long PyLong_AsLongLongAndOverflow(object number, int* overflow) except? -1


cdef Py_ssize_t bound_of(object number) except? -1:
    return INT64_MAX if number is None else min(number, INT64_MAX)


cdef class QuickField:
    def __init__(self, str name not None, *, bint has_presence=False, bint or_zero=False):
        self.name = name
        self.has_presence = has_presence
        self.or_zero = or_zero

    cdef bint holds(self, object message) except -1:
        """Whether the field of a message is fine for sure."""
        if self.has_presence and not message.HasField(self.name):
            return True
        value = getattr(message, self.name)
        return (self.or_zero and not value) or self.fits(value)

    cdef bint fits(self, object value) except -1:
        """Likewise, of a value that is there."""
        return False


@cython.final
cdef class QuickText(QuickField):
    def __init__(
        self,
        str name not None,
        *,
        bint has_presence=False,
        bint or_zero=False,
        least=0,
        most=None,
        most_bytes=None,
        steps=None,
    ):
        QuickField.__init__(self, name, has_presence=has_presence, or_zero=or_zero)
        self.least = bound_of(least)
        self.most = bound_of(most)
        self.most_bytes = bound_of(most_bytes)
        self.has_steps = steps is not None
        self._take(() if steps is None else tuple(steps))

    cdef void _take(self, object steps) except *:
        if len(steps) > MOST_STEPS:
            raise ValueError(f"a pattern has at most {MOST_STEPS} steps")
        for characters, least, most in steps:
            if not characters.isascii():
                raise ValueError("the characters of a pattern are ASCII")
            self.steps[self.step_count].characters[0] = 0
            self.steps[self.step_count].characters[1] = 0
            for number in characters.encode():
                self.steps[self.step_count].characters[number >> 6] |= <uint64_t>1 << (number & 63)
            self.steps[self.step_count].least = least
            self.steps[self.step_count].most = bound_of(most)
            self.step_count += 1

    cdef bint fits(self, object value) except -1:
        cdef Py_ssize_t size = 0
        if type(value) is not str:
            return False
        if not self.least <= len(<str>value) <= self.most:
            return False
        if self.most_bytes != INT64_MAX:
            PyUnicode_AsUTF8AndSize(value, &size)
            if size > self.most_bytes:
                return False
        return not self.has_steps or self._matches(<str>value)

    @cython.boundscheck(False)  # raw memory, of which the length is known
    cdef bint _matches(self, str text) noexcept:
        cdef const unsigned char* at
        cdef const unsigned char* end
        cdef Step* step
        cdef Py_ssize_t count
        cdef int number
        if not PyUnicode_IS_ASCII(text):
            return False
        at = <const unsigned char*>PyUnicode_DATA(text)
        end = at + len(text)
        for number in range(self.step_count):
            step = &self.steps[number]
            count = 0
            while at < end and count < step.most and step.characters[at[0] >> 6] >> (at[0] & 63) & 1:
                at += 1
                count += 1
            if count < step.least:
                return False
        return at == end


@cython.final
cdef class QuickNumber(QuickField):
    def __init__(
        self,
        str name not None,
        *,
        bint has_presence=False,
        bint or_zero=False,
        least=None,
        most=None,
    ):
        QuickField.__init__(self, name, has_presence=has_presence, or_zero=or_zero)
        self.least = INT64_MIN if least is None else max(least, INT64_MIN)
        self.most = INT64_MAX if most is None else min(most, INT64_MAX)

    cdef bint fits(self, object value) except -1:
        cdef int overflow = 0
        cdef int64_t number
        if type(value) is not int:
            return False
        number = PyLong_AsLongLongAndOverflow(value, &overflow)
        return not overflow and self.least <= number <= self.most


@cython.final
cdef class QuickTexts(QuickField):
    def __init__(self, str name not None, *, QuickText item=None, least=0, most=None):
        QuickField.__init__(self, name)
        self.item = item
        self.least = bound_of(least)
        self.most = bound_of(most)

    cdef bint fits(self, object value) except -1:
        if not self.least <= len(value) <= self.most:
            return False
        if self.item is not None:
            for each in value:
                if not self.item.fits(each):
                    return False
        return True


@cython.final
cdef class QuickMessage(QuickField):
    def __init__(self, str name not None, QuickRules rules not None, *, bint required=False):
        QuickField.__init__(self, name)
        self.rules = rules
        self.required = required

    cdef bint holds(self, object message) except -1:
        if not message.HasField(self.name):
            return not self.required
        return self.rules.hold_c(getattr(message, self.name))


@cython.final
cdef class QuickMessages(QuickField):
    def __init__(self, str name not None, QuickRules rules not None, *, least=0, most=None):
        QuickField.__init__(self, name)
        self.rules = rules
        self.least = bound_of(least)
        self.most = bound_of(most)

    cdef bint fits(self, object value) except -1:
        if not self.least <= len(value) <= self.most:
            return False
        for each in value:
            if not self.rules.hold_c(each):
                return False
        return True


@cython.final
cdef class QuickOneof(QuickField):
    cdef bint holds(self, object message) except -1:
        return message.WhichOneof(self.name) is not None


@cython.final
cdef class QuickRules:
    def __init__(self, fields):
        self.fields = tuple(fields)
        for field in self.fields:
            if not isinstance(field, QuickField):
                raise TypeError(f"{field!r} is not a QuickField")

    cdef bint hold_c(self, object message) except -1:
        for field in self.fields:
            if not (<QuickField>field).holds(message):
                return False
        return True

    def hold(self, message):
        return self.hold_c(message)
