"""Which of protovalidate's rules can be seen to hold without asking protovalidate.

A rule that is not known here leaves the whole message to protovalidate, or its field where that is
one that most requests lack. So what is known has to be right, and need not be complete.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.unknown_fields import UnknownFieldSet

from blrcs_native.guards.quick_rules import (
    QuickField,
    QuickMessage,
    QuickMessages,
    QuickNumber,
    QuickOneof,
    QuickRules,
    QuickText,
    QuickTexts,
)

IGNORE_IF_ZERO_VALUE = 1
IGNORE_ALWAYS = 3
INTEGERS = frozenset({"int32", "int64", "uint32", "uint64"})
MAX_STEPS = 40

ONE = re.compile(
    r"""
    (?: \[ (?P<among> [\w./:@~=+ -]+ ) \] | \\ (?P<escaped> [./+*?()] ) | (?P<plain> [\w/:@~= -] ) )
    (?: \{ (?P<least> \d{1,4} ) (?P<range> , (?P<most> \d{1,4} )? )? \} | (?P<times> [*+?] ) )?
    """,
    re.VERBOSE | re.ASCII,
)
"""One character of a pattern, or one of several, and how often."""

NOT_EMPTY = re.compile(r"this\.([a-z][a-z0-9_]*) != ''")
"""The one expression of CEL that is known: a field of a message has to be there."""

BOUNDS = {"*": (0, None), "+": (1, None), "?": (0, 1), None: (1, 1)}

Step = tuple[str, int, int | None]
HasRules = Callable[[Descriptor], bool]


class UnknownRuleError(Exception):
    """A rule that is not known here."""


def quick_rules(
    descriptor: Descriptor, has_rules: HasRules, around: frozenset[str] = frozenset()
) -> QuickRules | None:
    """What must hold of a message's fields; None where that cannot be told field by field.

    Args:
        descriptor: The message's.
        has_rules: Whether a message, or one that it can hold, carries any rule.
        around: Names of messages that it is looked at within. One that holds itself is not known.
    """
    if descriptor.is_extendable or _options(descriptor) or descriptor.full_name in around:
        return None
    around |= {descriptor.full_name}
    try:
        return QuickRules(
            [
                *_quick_oneofs(descriptor),
                *(
                    field
                    for each in descriptor.fields
                    for field in _quick_fields(each, has_rules, around)
                ),
            ]
        )
    except UnknownRuleError:
        return None


def _quick_oneofs(descriptor: Descriptor) -> Iterator[QuickField]:
    for oneof in descriptor.oneofs:
        options = _options(oneof)
        if options.keys() - {"buf.validate.oneof"}:
            raise UnknownRuleError
        for rules in options.values():
            if _stated(rules).get("required"):
                yield QuickOneof(oneof.name)


def _options(carrier: Any) -> dict[str, Any]:
    """The options of protovalidate, by the names of their extensions."""
    return {
        field.full_name: value
        for field, value in carrier.GetOptions().ListFields()
        if field.full_name.startswith("buf.validate.")
    }


def _quick_fields(
    field: FieldDescriptor, has_rules: HasRules, around: frozenset[str]
) -> Iterator[QuickField]:
    options = _options(field)
    if options.keys() - {"buf.validate.field"}:
        raise UnknownRuleError
    rules = _stated(options["buf.validate.field"]) if options else {}
    ignore = rules.pop("ignore", 0)
    required = rules.pop("required", False)
    if ignore == IGNORE_ALWAYS:
        return
    if ignore not in (0, IGNORE_IF_ZERO_VALUE):
        raise UnknownRuleError
    presence = {
        "has_presence": field.has_presence and not required,
        # What has presence and was sent is there, be it zero.
        "or_zero": ignore == IGNORE_IF_ZERO_VALUE and not required and not field.has_presence,
    }
    if field.is_repeated or field.message_type is not None:
        within = field.message_type is not None and has_rules(field.message_type)
        if rules or required or within:
            quick = _quick_list if field.is_repeated else _quick_message
            found = quick(field, rules, has_rules, around, required=required)
            yield _quick_if_absent(field, rules, required=required) if found is None else found
    elif "string" in rules and rules.keys() == {"string"}:
        yield _quick_text(field.name, _stated(rules["string"]), presence, required=required)
    elif len(rules) == 1 and rules.keys() <= INTEGERS and not required:
        (stated,) = rules.values()
        yield _quick_number(field.name, _stated(stated), presence)
    elif rules or required:
        if required or not field.has_presence:
            raise UnknownRuleError
        yield QuickField(field.name, **presence)


def _quick_message(
    field: FieldDescriptor,
    rules: dict[str, Any],
    has_rules: HasRules,
    around: frozenset[str],
    *,
    required: bool,
) -> QuickField | None:
    """Of a message; None where its rules are not known."""
    descriptor = field.message_type
    if descriptor is None or rules.keys() - {"cel"}:
        return None
    within = quick_rules(descriptor, has_rules, around)
    if within is None:
        return None
    try:
        also = [_quick_expression(descriptor, each) for each in rules.get("cel", ())]
    except UnknownRuleError:
        return None
    return QuickMessage(field.name, QuickRules([*also, *within.fields]), required=required)


def _quick_expression(descriptor: Descriptor, rule: Any) -> QuickField:
    stated = NOT_EMPTY.fullmatch(_stated(rule).get("expression", ""))
    field = descriptor.fields_by_name.get(stated[1]) if stated else None
    if field is None or field.is_repeated or field.type != FieldDescriptor.TYPE_STRING:
        raise UnknownRuleError
    return QuickText(field.name, least=1)


def _quick_list(
    field: FieldDescriptor,
    rules: dict[str, Any],
    has_rules: HasRules,
    around: frozenset[str],
    *,
    required: bool,
) -> QuickField | None:
    """Of a list; None where its rules are not known, or it is a map."""
    stated = _stated(rules["repeated"]) if "repeated" in rules else {}
    items = _stated(stated.pop("items")) if "items" in stated else {}
    if rules.keys() - {"repeated"} or stated.keys() - {"min_items", "max_items"}:
        return None
    least, most = max(stated.get("min_items", 0), int(required)), stated.get("max_items")
    if field.message_type is None:
        try:
            item = _quick_item(items) if items else None
        except UnknownRuleError:
            return None
        return QuickTexts(field.name, item=item, least=least, most=most)
    is_plain = not items and not field.message_type.GetOptions().map_entry
    within = quick_rules(field.message_type, has_rules, around) if is_plain else None
    return None if within is None else QuickMessages(field.name, within, least=least, most=most)


def _quick_item(rules: dict[str, Any]) -> QuickText:
    """Of each string of a list."""
    if rules.keys() != {"string"}:
        raise UnknownRuleError
    return _quick_text("", _stated(rules["string"]), {}, required=False)


def _stated(rules: Any) -> dict[str, Any]:
    """What rules say, by name; nothing may be among it that this program has no name for."""
    if len(UnknownFieldSet(rules)):
        raise UnknownRuleError
    stated = {field.full_name.rpartition(".")[2]: value for field, value in rules.ListFields()}
    if any(field.is_extension for field, _ in rules.ListFields()):
        raise UnknownRuleError
    return stated


def _quick_if_absent(
    field: FieldDescriptor, rules: dict[str, Any], *, required: bool
) -> QuickField:
    """Of messages, lists and maps only that they are absent."""
    if required:
        raise UnknownRuleError
    if not field.is_repeated:
        return QuickField(field.name, has_presence=True)
    if rules.keys() - {"repeated"}:
        raise UnknownRuleError
    if rules and _stated(rules["repeated"]).keys() - {"max_items", "items", "unique"}:
        raise UnknownRuleError
    return QuickField(field.name, or_zero=True)


def _quick_text(
    name: str, stated: dict[str, Any], presence: dict[str, bool], *, required: bool
) -> QuickText:
    if stated.keys() - {"min_len", "max_len", "max_bytes", "pattern"}:
        raise UnknownRuleError
    least = max(stated.get("min_len", 0), int(required))
    steps = pattern_steps(stated["pattern"]) if "pattern" in stated else None
    return QuickText(
        name,
        least=least,
        most=stated.get("max_len"),
        most_bytes=stated.get("max_bytes"),
        steps=steps,
        **presence,
    )


def _quick_number(name: str, stated: dict[str, Any], presence: dict[str, bool]) -> QuickField:
    if stated.keys() - {"gte", "gt", "lte", "lt"}:
        raise UnknownRuleError
    least = stated["gt"] + 1 if "gt" in stated else stated.get("gte")
    most = stated["lt"] - 1 if "lt" in stated else stated.get("lte")
    # Turned round, they say what a number must not be; then none is seen to hold.
    return QuickNumber(name, least=least, most=most, **presence)


def pattern_steps(pattern: str) -> list[Step]:
    """The characters of an anchored pattern without groups, and how often each may come.

    Raises:
        UnknownRuleError: It is another kind of pattern.
    """
    if len(pattern) < 2 or pattern[0] != "^" or pattern[-1] != "$":  # noqa: PLR2004
        raise UnknownRuleError
    at, end = 1, len(pattern) - 1
    steps: list[Step] = []
    while at < end:
        found = ONE.match(pattern, at, end)
        if found is None or len(steps) == MAX_STEPS:
            raise UnknownRuleError
        at = found.end()
        if found["least"] is None:
            least, most = BOUNDS[found["times"]]
        else:
            least = int(found["least"])
            most = (int(found["most"]) if found["most"] else None) if found["range"] else least
        among = found["among"]
        one = found["escaped"] or found["plain"] if among is None else _characters(among)
        steps.append((one, least, most))
    return steps


@cache
def _characters(among: str) -> str:
    """The characters that a class of a pattern names."""
    named, at = set(), 0
    while at < len(among):
        if among[at + 1 : at + 2] == "-" and at + 2 < len(among):
            named |= {chr(each) for each in range(ord(among[at]), ord(among[at + 2]) + 1)}
            at += 3
        else:
            named.add(among[at])
            at += 1
    return "".join(sorted(named))
