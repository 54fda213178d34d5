"""What a condition is made of, once it is read."""

import enum
from dataclasses import dataclass


class Type(enum.Enum):
    """What is known of a value before there is one. DYNAMIC is anything."""

    BOOL = "bool"
    INT = "int"
    DOUBLE = "double"
    STRING = "string"
    NULL = "null"
    TIMESTAMP = "timestamp"
    DURATION = "duration"
    LIST = "list"
    MAP = "map"
    DYNAMIC = "dyn"


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that is written out; ``timestamp`` and ``duration`` are nanoseconds."""

    value: bool | float | str | None
    type: Type


@dataclass(frozen=True, slots=True)
class Variable:
    """A fact about the call, such as ``principal.name``."""

    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """``operand.field``; with ``asks``, ``has(operand.field)``."""

    operand: "Expression"
    field: str
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator or a function by its name, and what it is given.

    ``[]`` is an index, ``[...]`` a list that is written out, ``?:`` a choice, ``-x`` a negation.
    """

    name: str
    operands: tuple["Expression", ...]


Expression = Literal | Variable | Select | Operation

VARIABLES = {
    "now": Type.TIMESTAMP,
    "request.time": Type.TIMESTAMP,
    "request.method": Type.STRING,
    "request.message": Type.DYNAMIC,
    "principal.name": Type.STRING,
    "principal.groups": Type.LIST,
    "principal.claims": Type.MAP,
    "resource.name": Type.STRING,
    "source.address": Type.STRING,
}
"""All that a condition may ask about."""

TIME_PARTS = (
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
)
"""Of a timestamp, in UTC or in the time zone that they are given."""
