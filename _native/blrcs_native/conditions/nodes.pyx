"""The parts of a condition, each of which gives a value for one call.

A part that has an error or an unknown among what it needs is that itself, the unknown first.
"""

cimport cython

from blrcs_native.calls.call cimport Call, Principal
from blrcs_native.calls.checked_request cimport CheckedRequest
from blrcs_native.conditions.condition cimport ERROR, UNKNOWN, Facts, Node, is_none, worse
from blrcs_native.conditions.value cimport (
    Instant,
    Span,
    field_of,
    has_field,
    size_of,
    whole,
)
from blrcs_native.tokens.claims cimport Claims


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
