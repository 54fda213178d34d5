"""The parts of a condition, each of which gives a value for one call.

What they are given is checked before: a part that gets a value of a type that it does not know
gives an error, and never raises.
"""

from typing import Final

from blrcs_native.conditions.condition import Node

FACTS: Final[dict[str, int]]

class Constant(Node):
    """A value; with the kind ``timestamp`` or ``duration``, nanoseconds."""

    def __init__(self, value: bool | float | str | None, kind: str = ...) -> None: ...

class Variable(Node):
    """A fact about the call, by its name in FACTS."""

    def __init__(self, name: str) -> None: ...

class Select(Node):
    """A field of a message or an entry of a map; with ``asks``, whether it is there."""

    def __init__(self, operand: Node, field: str, *, asks: bool) -> None: ...

class And(Node):
    def __init__(self, left: Node, right: Node) -> None: ...

class Or(Node):
    def __init__(self, left: Node, right: Node) -> None: ...

class Not(Node):
    def __init__(self, operand: Node) -> None: ...

class Choice(Node):
    def __init__(self, asked: Node, chosen: Node, other: Node) -> None: ...

class Negate(Node):
    def __init__(self, operand: Node) -> None: ...

class Size(Node):
    def __init__(self, operand: Node) -> None: ...

class ListOf(Node):
    def __init__(self, *items: Node) -> None: ...
