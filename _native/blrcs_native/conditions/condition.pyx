"""When a binding counts: a checked expression, as a tree that answers for one call.

Nothing raises: what goes wrong is the value ERROR, which `&&` and `||` absorb as CEL's do, and which
no binding takes for true. What only the request can tell is UNKNOWN while it is still to come.
"""

cimport cython
from libc.stdint cimport int64_t

from blrcs_native.calls.call cimport Call


@cython.final
cdef class NoValue:
    """A value that is none."""

    cdef str name

    def __cinit__(self, str name):
        self.name = name

    def __repr__(self):
        return self.name


cdef object ERROR = NoValue("ERROR")
cdef object UNKNOWN = NoValue("UNKNOWN")


@cython.final
@cython.freelist(8)
cdef class Facts:
    """What a condition may ask about."""


cdef Facts facts_of(str principal, str resource, Call call, bint message_to_come):
    """What is known without the time and the groups, which the caller tells."""
    cdef Facts facts = Facts.__new__(Facts)
    facts.principal = principal
    facts.resource = resource
    facts.call = call
    facts.message_to_come = message_to_come
    return facts


cdef class Node:
    cdef object value(self, Facts facts):
        return ERROR


@cython.final
cdef class Condition:
    def __init__(
        self, str text not None, Node root not None, *, bint reads_message, bint reads_groups
    ):
        self.text = text
        self.root = root
        self.reads_message = reads_message
        self.reads_groups = reads_groups

    def __repr__(self):
        return f"Condition({self.text!r})"

    def evaluate(
        self,
        *,
        str principal="",
        str resource="",
        tuple groups=(),
        int64_t now_ns=0,
        Call call=None,
        bint message_to_come=False,
    ):
        cdef Facts facts = facts_of(principal, resource, call, message_to_come)
        facts.groups = groups
        facts.now_ns = now_ns
        return ("false", "true", "unknown", "error")[self.judge(facts)]

    cdef Judgement judge(self, Facts facts) except *:
        try:
            value = self.root.value(facts)
        except Exception:  # such as a message that cannot be read: it decides nothing
            return IS_ERROR
        if value is True:
            return IS_TRUE
        if value is False:
            return IS_FALSE
        return IS_UNKNOWN if value is UNKNOWN else IS_ERROR
