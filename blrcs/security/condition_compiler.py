"""Conditions as the guards evaluate them."""

import functools
from typing import cast

from blrcs.domain.condition.condition import read_condition
from blrcs.domain.condition.instant import read_zone
from blrcs.domain.condition.syntax import (
    TIME_PARTS,
    Expression,
    Literal,
    Operation,
    Select,
    Type,
    Variable,
)
from blrcs.domain.condition.walk import variables
from blrcs_native.conditions import nodes, pairs
from blrcs_native.conditions.condition import Condition, Node
from blrcs_native.conditions.time_parts import TimePart

MAX_REMEMBERED = 2048

_TIMES = {Type.TIMESTAMP, Type.DURATION}
_COMPARISONS = {"<", "<=", ">", ">="}
_NODES: dict[str, type] = {
    "&&": nodes.And,
    "||": nodes.Or,
    "!": nodes.Not,
    "?:": nodes.Choice,
    "==": pairs.Equal,
    "!=": pairs.NotEqual,
    "in": pairs.In,
    "[]": pairs.Index,
    "[...]": nodes.ListOf,
    "+": pairs.Add,
    "-": pairs.Subtract,
    "*": pairs.Multiply,
    "/": pairs.Divide,
    "%": pairs.Remainder,
    "-x": nodes.Negate,
    ".startsWith": pairs.StartsWith,
    ".endsWith": pairs.EndsWith,
    ".contains": pairs.Contains,
    "size": nodes.Size,
    ".size": nodes.Size,
}


@functools.lru_cache(maxsize=MAX_REMEMBERED)
def compile_condition(text: str) -> Condition:
    """The condition; equal texts give one. InvalidArgumentError for what is none."""
    expression = read_condition(text)
    asked = set(variables(expression))
    return Condition(
        text,
        _node(expression),
        reads_message="request.message" in asked,
        reads_groups="principal.groups" in asked,
    )


def _node(expression: Expression) -> Node:
    match expression:
        case Literal(value, of_type):
            return nodes.Constant(value, of_type.value if of_type in _TIMES else "")
        case Variable(name):
            return nodes.Variable(name)
        case Select(operand, field, asks):
            return nodes.Select(_node(operand), field, asks=asks)
        case Operation(name, operands):
            return _operation(name, operands)


def _operation(name: str, operands: tuple[Expression, ...]) -> Node:
    given = [_node(operand) for operand in operands]
    if name in _COMPARISONS:
        return pairs.Compare(given[0], given[1], name)
    part = name.removeprefix(".")
    if part in TIME_PARTS:
        zone = cast(Literal, operands[1]).value if len(operands) > 1 else "UTC"
        return TimePart(given[0], part, None if zone == "UTC" else read_zone(str(zone)))
    return cast(Node, _NODES[name](*given))
