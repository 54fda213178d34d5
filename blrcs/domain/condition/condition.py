"""A condition as a binding has it."""

from dataclasses import dataclass

from blrcs.domain.condition.checker import check_types
from blrcs.domain.condition.parser import parse_condition
from blrcs.domain.condition.syntax import Expression


@dataclass(frozen=True, slots=True)
class Condition:
    """When a binding counts.

    Attributes:
        expression: In the part of CEL that :mod:`blrcs.domain.condition.parser` reads.
        title: For people, as is the description.
    """

    expression: str
    title: str = ""
    description: str = ""

    def check(self) -> None:
        """Raises InvalidArgumentError unless the expression is a condition."""
        read_condition(self.expression)


def read_condition(text: str) -> Expression:
    """The condition read and checked; InvalidArgumentError if it is none."""
    return check_types(parse_condition(text))
