"""The parts of a condition, each of which gives a value for one call.

A part that has an error or an unknown among what it needs is that itself, the unknown first.
"""

cimport cython
from libc.stdint cimport int64_t

from blrcs_native.calls.call cimport Call, Principal
from blrcs_native.calls.checked_request cimport CheckedRequest
from blrcs_native.tokens.claims cimport Claims
from blrcs_native.conditions.condition cimport ERROR, UNKNOWN, Facts, Node
from blrcs_native.conditions.value cimport (
    Instant,
    Span,
    contains,
    equal,
    field_of,
    has_field,
    instant,
    is_number,
    item_of,
    listed,
    size_of,
    span,
    whole,
)

cdef inline bint is_none(object value) noexcept:
    """An error or an unknown."""
    return value is ERROR or value is UNKNOWN


cdef inline object worse(object left, object right):
    """Of two of which one is no value: the unknown, since what is to come may undo the error."""
    return UNKNOWN if left is UNKNOWN or right is UNKNOWN else ERROR


@cython.final
cdef class Constant(Node):
    cdef object _value

    def __init__(self, value, str kind=""):
        self._value = {"timestamp": Instant, "duration": Span}[kind](value) if kind else value

    cdef object value(self, Facts facts):
        return self._value


cdef enum Fact:
    NOW
    METHOD
    MESSAGE
    NAME
    GROUPS
    CLAIMS
    RESOURCE
    ADDRESS


FACTS = {
    "now": NOW,
    "request.time": NOW,
    "request.method": METHOD,
    "request.message": MESSAGE,
    "principal.name": NAME,
    "principal.groups": GROUPS,
    "principal.claims": CLAIMS,
    "resource.name": RESOURCE,
    "source.address": ADDRESS,
}


@cython.final
cdef class Variable(Node):
    cdef Fact _fact

    def __init__(self, str name not None):
        self._fact = FACTS[name]

    cdef object value(self, Facts facts):
        cdef Fact fact = self._fact
        cdef Call call = facts.call
        cdef Instant now
        if fact == NOW:
            now = Instant.__new__(Instant)
            now.ns = facts.now_ns
            return now
        if fact == NAME:
            return facts.principal
        if fact == GROUPS:
            return () if facts.groups is None else facts.groups
        if fact == RESOURCE:
            return ERROR if facts.resource is None else facts.resource
        if call is None:
            return ERROR
        if fact == METHOD:
            return call.method.name
        if fact == ADDRESS:
            return call.peer_address
        if fact == CLAIMS:
            return claims_of(call.principal)
        if facts.message_to_come:
            return UNKNOWN
        return ERROR if call.request is None else message_of(call.request)


cdef object message_of(object request):
    return (<CheckedRequest>request).made() if type(request) is CheckedRequest else request


cdef object claims_of(Principal principal):
    if principal is None or principal.claims is None:
        return {}
    if type(principal.claims) is Claims:
        return (<Claims>principal.claims)._members
    return principal.claims


@cython.final
cdef class Select(Node):
    cdef Node _operand
    cdef str _field
    cdef bint _asks

    def __init__(self, Node operand not None, str field not None, *, bint asks):
        self._operand = operand
        self._field = field
        self._asks = asks

    cdef object value(self, Facts facts):
        operand = self._operand.value(facts)
        if is_none(operand):
            return operand
        return has_field(operand, self._field) if self._asks else field_of(operand, self._field)


@cython.final
cdef class And(Node):
    cdef Node _left
    cdef Node _right

    def __init__(self, Node left not None, Node right not None):
        self._left = left
        self._right = right

    cdef object value(self, Facts facts):
        left = self._left.value(facts)
        if left is False:
            return False
        right = self._right.value(facts)
        if right is False:
            return False
        return True if left is True and right is True else worse(left, right)


@cython.final
cdef class Or(Node):
    cdef Node _left
    cdef Node _right

    def __init__(self, Node left not None, Node right not None):
        self._left = left
        self._right = right

    cdef object value(self, Facts facts):
        left = self._left.value(facts)
        if left is True:
            return True
        right = self._right.value(facts)
        if right is True:
            return True
        return False if left is False and right is False else worse(left, right)


@cython.final
cdef class Not(Node):
    cdef Node _operand

    def __init__(self, Node operand not None):
        self._operand = operand

    cdef object value(self, Facts facts):
        operand = self._operand.value(facts)
        if operand is True:
            return False
        return True if operand is False else worse(operand, operand)


@cython.final
cdef class Choice(Node):
    cdef Node _asked
    cdef Node _chosen
    cdef Node _other

    def __init__(self, Node asked not None, Node chosen not None, Node other not None):
        self._asked = asked
        self._chosen = chosen
        self._other = other

    cdef object value(self, Facts facts):
        asked = self._asked.value(facts)
        if asked is True:
            return self._chosen.value(facts)
        return self._other.value(facts) if asked is False else worse(asked, asked)


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


@cython.final
cdef class Negate(Node):
    cdef Node _operand

    def __init__(self, Node operand not None):
        self._operand = operand

    cdef object value(self, Facts facts):
        operand = self._operand.value(facts)
        if type(operand) is int:
            return whole(-operand)
        return -operand if type(operand) is float else worse(operand, operand)


@cython.final
cdef class Size(Node):
    cdef Node _operand

    def __init__(self, Node operand not None):
        self._operand = operand

    cdef object value(self, Facts facts):
        operand = self._operand.value(facts)
        return operand if is_none(operand) else size_of(operand)


@cython.final
cdef class ListOf(Node):
    cdef tuple _items
    cdef tuple _texts  # itself, where all are strings that are written out

    def __init__(self, *items):
        for item in items:
            if not isinstance(item, Node):
                raise TypeError(f"{item!r} is not a Node")
        self._items = items
        values = [(<Constant>item)._value for item in items if type(item) is Constant]
        if len(values) == len(items) and all(type(value) is str for value in values):
            self._texts = tuple(values)

    cdef object value(self, Facts facts):
        cdef list values
        if self._texts is not None:
            return self._texts
        values = [(<Node>item).value(facts) for item in self._items]
        for value in values:
            if value is UNKNOWN:
                return UNKNOWN
        for value in values:
            if value is ERROR:
                return ERROR
        return values
