"""Checks conditions: every name is known, every type fits, and the whole is a bool."""

from collections.abc import Callable

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
_WITH_ONE = 2
"""What a method is of, and the one thing that it is given."""

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
    """The same, with times as numbers; InvalidArgumentError if it is no condition."""
    checked, of_type = _check(expression)
    if of_type not in {Type.BOOL, Type.DYNAMIC}:
        raise refusal(f"is of type {of_type.value}, not bool")
    return checked


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
            if name.removeprefix(".") in _COMPREHENSIONS:
                raise refusal(
                    f"uses {name.removeprefix('.')}(): conditions do not go through lists"
                )
            pairs = [_check(operand) for operand in operands]
            given = [pair[0] for pair in pairs]
            of_type = _type_of(name, given, [pair[1] for pair in pairs])
            return Operation(name, tuple(given)), of_type


def _time_literal(name: str, operands: tuple[Expression, ...]) -> tuple[Expression, Type]:
    if len(operands) != 1 or not isinstance(operands[0], Literal):
        raise refusal(f"gives {name}() what is not one string that is written out")
    text = operands[0].value
    of_type = Type(name)
    number = None
    if isinstance(text, str):
        number = read_timestamp(text) if of_type is Type.TIMESTAMP else read_duration(text)
    if number is None:
        raise refusal(f"gives {name}() what is no {name}: {text!r:.64}")
    return Literal(number, of_type), of_type


def _type_of(name: str, operands: list[Expression], types: list[Type]) -> Type:
    if name in _SIGNS:
        return _SIGNS[name](name, types)
    return _type_of_call(name, operands, types)


def _logic(name: str, types: list[Type]) -> Type:
    for each in types:
        _require(name, each, Type.BOOL)
    return Type.BOOL


def _equality(name: str, types: list[Type]) -> Type:
    if not _comparable(types[0], types[1], frozenset(Type)):
        raise _no_overload(name, types)
    return Type.BOOL


def _order(name: str, types: list[Type]) -> Type:
    if not _comparable(types[0], types[1], _ORDERED):
        raise _no_overload(name, types)
    return Type.BOOL


def _membership(name: str, types: list[Type]) -> Type:
    _require(name, types[1], Type.LIST, Type.MAP)
    return Type.BOOL


def _choice(name: str, types: list[Type]) -> Type:
    _require(name, types[0], Type.BOOL)
    return types[1] if types[1] is types[2] else Type.DYNAMIC


def _index(name: str, types: list[Type]) -> Type:
    _require(name, types[0], Type.LIST, Type.MAP)
    _require(name, types[1], Type.INT, Type.STRING, Type.BOOL)
    return Type.DYNAMIC


def _list(name: str, types: list[Type]) -> Type:
    del name, types
    return Type.LIST


def _negation(name: str, types: list[Type]) -> Type:
    _require(name[0], types[0], *_NUMBERS)
    return types[0]


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


_SIGNS: dict[str, Callable[[str, list[Type]], Type]] = {
    **dict.fromkeys(("&&", "||", "!"), _logic),
    **dict.fromkeys(("==", "!="), _equality),
    **dict.fromkeys(("<", "<=", ">", ">="), _order),
    **dict.fromkeys(("+", "-", "*", "/", "%"), _sum),
    "in": _membership,
    "?:": _choice,
    "[]": _index,
    "[...]": _list,
    "-x": _negation,
}


def _type_of_call(name: str, operands: list[Expression], types: list[Type]) -> Type:
    called = name.removeprefix(".")
    match called:
        case "startsWith" | "endsWith" | "contains" if name[0] == "." and len(types) == _WITH_ONE:
            for each in types:
                _require(name, each, Type.STRING)
            return Type.BOOL
        case "size" if len(types) == 1:
            _require(name, types[0], *_COLLECTIONS)
            return Type.INT
        case _ if called in TIME_PARTS and name[0] == "." and len(types) <= _WITH_ONE:
            _require(name, types[0], Type.TIMESTAMP)
            if len(types) == _WITH_ONE and not _is_zone(operands[1]):
                raise refusal(f"gives {called}() what is no time zone that is written out")
            return Type.INT
    raise refusal(f"calls {called[:64]}(), which is not there for what it is given")


def _is_zone(operand: Expression) -> bool:
    return (
        isinstance(operand, Literal)
        and isinstance(operand.value, str)
        and read_zone(operand.value) is not None
    )


def _comparable(left: Type, right: Type, allowed: frozenset[Type]) -> bool:
    if Type.DYNAMIC in {left, right}:
        return {left, right} - {Type.DYNAMIC} <= allowed
    if left in _NUMBERS and right in _NUMBERS:
        return True
    return left is right and left in allowed


def _require(name: str, given: Type, *allowed: Type) -> None:
    if given is not Type.DYNAMIC and given not in allowed:
        raise _no_overload(name, [given])


def _no_overload(name: str, types: list[Type]) -> Exception:
    given = " and ".join(each.value for each in types)
    return refusal(f"uses {name} with {given}")
