"""Goes through a condition's parts."""

import itertools
from collections.abc import Iterator

from blrcs.domain.condition.syntax import Expression, Literal, Operation, Select, Variable


def variables(expression: Expression) -> Iterator[str]:
    """The names of what it asks about, each as often as it does."""
    match expression:
        case Variable(name):
            yield name
        case Select(operand):
            yield from variables(operand)
        case Operation(_, operands):
            yield from itertools.chain.from_iterable(map(variables, operands))
        case Literal():
            pass
