"""The parts of a condition that stand between two values: comparisons, membership, arithmetic.

Where one of the two has an error or an unknown, that is the value, the unknown first.
"""

cimport cython
from libc.stdint cimport int64_t

from blrcs_native.conditions.condition cimport ERROR, UNKNOWN, Facts, Node, worse
from blrcs_native.conditions.value cimport (
    Instant,
    Span,
    contains,
    equal,
    instant,
    is_number,
    item_of,
    listed,
    span,
    whole,
)


cdef class Pair(Node):
    """An operator between two values."""

    cdef Node _left
    cdef Node _right

    def __init__(self, Node left not None, Node right not None):
        self._left = left
        self._right = right

    cdef object value(self, Facts facts):
        left = self._left.value(facts)
        if left is UNKNOWN:
            return UNKNOWN
        right = self._right.value(facts)
        if right is UNKNOWN or left is ERROR:
            return worse(left, right)
        return ERROR if right is ERROR else self.of(left, right)

    cdef object of(self, object left, object right):
        return ERROR


@cython.final
cdef class Equal(Pair):
    cdef object of(self, object left, object right):
        return equal(left, right)


@cython.final
cdef class NotEqual(Pair):
    cdef object of(self, object left, object right):
        same = equal(left, right)
        return ERROR if same is ERROR else same is False


cdef int EQUAL = 0, LESS = -1, GREATER = 1, NEITHER = 2, INCOMPARABLE = 3


cdef int compared(object left, object right) except -2:
    cdef int64_t one, other
    kind = type(left)
    if kind is Instant and type(right) is Instant:
        one, other = (<Instant>left).ns, (<Instant>right).ns
        return (one > other) - (one < other)
    if kind is Span and type(right) is Span:
        one, other = (<Span>left).ns, (<Span>right).ns
        return (one > other) - (one < other)
    if not (is_number(left) and is_number(right)):
        if kind is not type(right) or (kind is not str and kind is not bool and kind is not bytes):
            return INCOMPARABLE
    if left < right:
        return LESS
    if left > right:
        return GREATER
    return EQUAL if left == right else NEITHER


@cython.final
cdef class Compare(Pair):
    cdef bint _less
    cdef bint _equal
    cdef bint _greater

    def __init__(self, Node left not None, Node right not None, str sign not None):
        Pair.__init__(self, left, right)
        self._less = sign[0] == "<"
        self._greater = sign[0] == ">"
        self._equal = sign.endswith("=")

    cdef object of(self, object left, object right):
        cdef int order = compared(left, right)
        if order == INCOMPARABLE:
            return ERROR
        if order == LESS:
            return self._less
        if order == GREATER:
            return self._greater
        return self._equal and order == EQUAL


@cython.final
cdef class In(Pair):
    cdef object of(self, object left, object right):
        return contains(right, left)


@cython.final
cdef class Index(Pair):
    cdef object of(self, object left, object right):
        return item_of(left, right)


@cython.final
cdef class StartsWith(Pair):
    cdef object of(self, object left, object right):
        if type(left) is not str or type(right) is not str:
            return ERROR
        return (<str>left).startswith(<str>right)


@cython.final
cdef class EndsWith(Pair):
    cdef object of(self, object left, object right):
        if type(left) is not str or type(right) is not str:
            return ERROR
        return (<str>left).endswith(<str>right)


@cython.final
cdef class Contains(Pair):
    cdef object of(self, object left, object right):
        if type(left) is not str or type(right) is not str:
            return ERROR
        return <str>right in <str>left


@cython.final
cdef class Add(Pair):
    cdef object of(self, object left, object right):
        kind, other = type(left), type(right)
        if kind is int and other is int:
            return whole(left + right)
        if kind is other and (kind is float or kind is str or kind is bytes):
            return left + right
        if kind is Span and other is Span:
            return span((<Span>left).ns + <object>(<Span>right).ns)
        if kind is Instant and other is Span:
            return instant(<object>(<Instant>left).ns + <object>(<Span>right).ns)
        if kind is Span and other is Instant:
            return instant(<object>(<Span>left).ns + <object>(<Instant>right).ns)
        one, two = listed(left), listed(right)
        return ERROR if one is None or two is None else [*one, *two]


@cython.final
cdef class Subtract(Pair):
    cdef object of(self, object left, object right):
        kind, other = type(left), type(right)
        if kind is int and other is int:
            return whole(left - right)
        if kind is float and other is float:
            return left - right
        if kind is Instant and other is Instant:
            return span(<object>(<Instant>left).ns - <object>(<Instant>right).ns)
        if kind is Instant and other is Span:
            return instant(<object>(<Instant>left).ns - <object>(<Span>right).ns)
        if kind is Span and other is Span:
            return span(<object>(<Span>left).ns - <object>(<Span>right).ns)
        return ERROR


@cython.final
cdef class Multiply(Pair):
    cdef object of(self, object left, object right):
        if type(left) is int and type(right) is int:
            return whole(left * right)
        return left * right if type(left) is float and type(right) is float else ERROR


@cython.final
cdef class Divide(Pair):
    cdef object of(self, object left, object right):
        if type(left) is int and type(right) is int:
            if right == 0:
                return ERROR
            # Towards zero, where Python goes down.
            quotient = abs(left) // abs(right)
            return whole(quotient if (left < 0) == (right < 0) else -quotient)
        if type(left) is float and type(right) is float:
            return divided(left, right)
        return ERROR


@cython.cdivision(True)
cdef double divided(double left, double right) noexcept:
    """By IEEE 754: what is divided by zero is infinite, or no number."""
    return left / right


@cython.final
cdef class Remainder(Pair):
    cdef object of(self, object left, object right):
        if type(left) is not int or type(right) is not int or right == 0:
            return ERROR
        # Where the quotient has more than 64 bits, CEL has no rest either.
        if right == -1 and whole(-left) is ERROR:
            return ERROR
        rest = abs(left) % abs(right)
        return -rest if left < 0 else rest
