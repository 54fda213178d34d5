"""Checks conditions: every name is known, every type fits, and the whole is a bool."""

import itertools
from collections.abc import Iterator

from blrcs.domain.condition.instant import read_duration, read_timestamp, read_zone
from blrcs.domain.condition.lexer import refusal
from blrcs.domain.condition.syntax import (
    TIME_PARTS,
    VARIABLES,
    Expression,
    Literal,
    Operation,
    Select,
    Type,
    Variable,
)

_NUMBERS = frozenset({Type.INT, Type.DOUBLE})
_ORDERED = _NUMBERS | {Type.STRING, Type.BOOL, Type.TIMESTAMP, Type.DURATION}
_COLLECTIONS = frozenset({Type.STRING, Type.LIST, Type.MAP})
_COMPREHENSIONS = frozenset({"all", "exists", "exists_one", "map", "filter"})

_SUMS = {
    ("+", Type.INT, Type.INT): Type.INT,
    ("+", Type.DOUBLE, Type.DOUBLE): Type.DOUBLE,
    ("+", Type.STRING, Type.STRING): Type.STRING,
    ("+", Type.LIST, Type.LIST): Type.LIST,
    ("+", Type.TIMESTAMP, Type.DURATION): Type.TIMESTAMP,
    ("+", Type.DURATION, Type.TIMESTAMP): Type.TIMESTAMP,
    ("+", Type.DURATION, Type.DURATION): Type.DURATION,
    ("-", Type.INT, Type.INT): Type.INT,
    ("-", Type.DOUBLE, Type.DOUBLE): Type.DOUBLE,
    ("-", Type.TIMESTAMP, Type.TIMESTAMP): Type.DURATION,
    ("-", Type.TIMESTAMP, Type.DURATION): Type.TIMESTAMP,
    ("-", Type.DURATION, Type.DURATION): Type.DURATION,
    ("*", Type.INT, Type.INT): Type.INT,
    ("*", Type.DOUBLE, Type.DOUBLE): Type.DOUBLE,
    ("/", Type.INT, Type.INT): Type.INT,
    ("/", Type.DOUBLE, Type.DOUBLE): Type.DOUBLE,
    ("%", Type.INT, Type.INT): Type.INT,
}


def check_types(expression: Expression) -> Expression:
    """The same, with timestamps and durations as numbers; InvalidArgumentError if it is no condition."""
    checked, of_type = _check(expression)
    if of_type not in {Type.BOOL, Type.DYNAMIC}:
        raise refusal(f"is of type {of_type.value}, not bool")
    return checked


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


def _check(expression: Expression) -> tuple[Expression, Type]:
    match expression:
        case Literal():
            return expression, expression.type
        case Variable(name):
            if name not in VARIABLES:
                raise refusal(f"asks for {name[:64]}, and there are {', '.join(VARIABLES)}")
            return expression, VARIABLES[name]
        case Select(operand, field, asks):
            checked, of_type = _check(operand)
            _require("." + field, of_type, Type.MAP)
            return Select(checked, field, asks), Type.BOOL if asks else Type.DYNAMIC
        case Operation(name, operands):
            if name in {"timestamp", "duration"}:
                return _time_literal(name, operands)
            pairs = [_check(operand) for operand in operands]
            given = [pair[0] for pair in pairs]
            of_type = _type_of(name, given, [pair[1] for pair in pairs])
            return Operation(name, tuple(given)), of_type


def _time_literal(name: str, operands: tuple[Expression, ...]) -> tuple[Expression, Type]:
    if len(operands) != 1 or not isinstance(operands[0], Literal):
        raise refusal(f"gives {name}() something else than one string that is written out")
    text = operands[0].value
    of_type = Type(name)
    number = None
    if isinstance(text, str):
        number = read_timestamp(text) if of_type is Type.TIMESTAMP else read_duration(text)
    if number is None:
        raise refusal(f"gives {name}() what is no {name}: {text!r:.64}")
    return Literal(number, of_type), of_type


def _type_of(name: str, operands: list[Expression], types: list[Type]) -> Type:
    match name:
        case "&&" | "||" | "!":
            for each in types:
                _require(name, each, Type.BOOL)
            return Type.BOOL
        case "==" | "!=":
            if Type.DYNAMIC not in types and not _comparable(types[0], types[1], {*Type}):
                raise _no_overload(name, types)
            return Type.BOOL
        case "<" | "<=" | ">" | ">=":
            if not _comparable(types[0], types[1], _ORDERED):
                raise _no_overload(name, types)
            return Type.BOOL
        case "in":
            _require(name, types[1], Type.LIST, Type.MAP)
            return Type.BOOL
        case "?:":
            _require(name, types[0], Type.BOOL)
            return types[1] if types[1] is types[2] else Type.DYNAMIC
        case "[]":
            _require(name, types[0], Type.LIST, Type.MAP)
            _require(name, types[1], Type.INT, Type.STRING, Type.BOOL)
            return Type.DYNAMIC
        case "[...]":
            return Type.LIST
        case "-x":
            _require("-", types[0], *_NUMBERS)
            return types[0]
        case "+" | "-" | "*" | "/" | "%":
            return _sum(name, types)
        case _:
            return _type_of_call(name, operands, types)


def _type_of_call(name: str, operands: list[Expression], types: list[Type]) -> Type:
    called = name.removeprefix(".")
    match called:
        case "startsWith" | "endsWith" | "contains" if name[0] == "." and len(types) == 2:
            for each in types:
                _require(name, each, Type.STRING)
            return Type.BOOL
        case "size" if len(types) == 1:
            _require(name, types[0], *_COLLECTIONS)
            return Type.INT
        case _ if called in TIME_PARTS and name[0] == "." and len(types) in {1, 2}:
            _require(name, types[0], Type.TIMESTAMP)
            if len(types) == 2 and not _is_zone(operands[1]):
                raise refusal(f"gives {called}() what is no time zone that is written out")
            return Type.INT
    if called in _COMPREHENSIONS:
        raise refusal(f"uses {called}(): conditions do not go through lists")
    raise refusal(f"calls {called[:64]}(), which is not there for what it is given")


def _is_zone(operand: Expression) -> bool:
    return (
        isinstance(operand, Literal)
        and isinstance(operand.value, str)
        and read_zone(operand.value) is not None
    )


def _sum(name: str, types: list[Type]) -> Type:
    if Type.DYNAMIC not in types:
        found = _SUMS.get((name, types[0], types[1]))
        if found is None:
            raise _no_overload(name, types)
        return found
    possible = {
        result
        for (operator, left, right), result in _SUMS.items()
        if operator == name
        and types[0] in {left, Type.DYNAMIC}
        and types[1] in {right, Type.DYNAMIC}
    }
    if not possible:
        raise _no_overload(name, types)
    return possible.pop() if len(possible) == 1 else Type.DYNAMIC


def _comparable(left: Type, right: Type, allowed: set[Type] | frozenset[Type]) -> bool:
    if Type.DYNAMIC in {left, right}:
        return {left, right} - {Type.DYNAMIC} <= set(allowed)
    if left in _NUMBERS and right in _NUMBERS:
        return True
    return left is right and left in allowed


def _require(name: str, given: Type, *allowed: Type) -> None:
    if given is not Type.DYNAMIC and given not in allowed:
        raise _no_overload(name, [given])


def _no_overload(name: str, types: list[Type]) -> Exception:
    given = " and ".join(each.value for each in types)
    return refusal(f"uses {name} with {given}")
