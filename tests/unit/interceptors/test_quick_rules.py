"""What is quickly seen to hold, holds for protovalidate too."""

import itertools
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from buf.validate import validate_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given, settings
from hypothesis import strategies as st
from protovalidate import Validator

from blrcs.interceptors.quick_rules import UnknownRuleError, pattern_steps, quick_rules
from blrcs.interceptors.validation import has_rules
from blrcs.v1 import access_pb2, auth_pb2, cache_pb2, limit_pb2, user_pb2
from blrcs_native.guards.quick_rules import QuickRules, QuickText

Proto = descriptor_pb2.FieldDescriptorProto
NUMBERS = itertools.count()
VALIDATOR = Validator()
PATTERNS = [
    "^[0-9]{1,3}$",
    "^users/[a-z0-9][a-z0-9._-]{0,5}$",
    "^(a|b)$",
    "^a|b$",
    "^[a-z]*a$",
    "^[^a]$",
    "a",
    "^a+b?c*$",
    "^a{2}$",
    "^a{2,}[.]$",
    r"^a\\.b$".replace("\\\\", "\\"),
    "^.$",
    "^(?i)a$",
    "^$",
    "^[a-]$",
    "^a{0}$",
]
TEXTS = [
    "", "a", "b", "A", "aa", "aa.", "a.b", "axb", "abc", "ab", "1", "123", "1234", "users/a",
    "users/a.b-c", "users/", "users/abcdefg", "a\n", "aa\n", "ä", "ää", "äää", "-", "ba", "c",
]  # fmt: skip
INTEGER_TYPES = {"int32": Proto.TYPE_INT32, "uint64": Proto.TYPE_UINT64, "int64": Proto.TYPE_INT64}
FIELD_TYPES = INTEGER_TYPES | {
    "string": Proto.TYPE_STRING,
    "repeated": Proto.TYPE_STRING,
    "bool": Proto.TYPE_BOOL,
}
VALUES: dict[str, Any] = dict.fromkeys(INTEGER_TYPES, range(6)) | {"bool": (False, True)}
RULES: list[tuple[str, dict[str, Any]]] = [
    ("string", {}),
    *(("string", {name: 2}) for name in ("min_len", "max_len", "min_bytes", "max_bytes", "len")),
    ("string", {"min_len": 1, "max_len": 2, "max_bytes": 3}),
    ("string", {"prefix": "a"}),
    ("string", {"const": "a"}),
    ("string", {"email": True}),
    *(("string", {"pattern": pattern}) for pattern in PATTERNS),
    *((kind, rules) for kind in INTEGER_TYPES for rules in ({}, {"gt": 1, "lt": 4}, {"gte": 2})),
    *(("int64", {"gt": gt, "lt": lt}) for gt in (1, 2, 3) for lt in (1, 2, 3)),
    *(("int32", {"gte": gte, "lte": lte}) for gte in (1, 3) for lte in (1, 3)),
    ("uint64", {"const": 2}),
    ("uint64", {"gt": 0, "in": [1, 2]}),
    ("bool", {"const": True}),
    ("message", {}),
    ("repeated", {"min_items": 1}),
    ("repeated", {"max_items": 1}),
]
FLAGS = [(required, ignore) for required in (False, True) for ignore in (0, 1, 3)]


def field_of(kind: str, label: str) -> Any:
    field = Proto(name="f", number=1, label=3 if label == "repeated" else 1)
    if kind == "message":
        field.type, field.type_name = Proto.TYPE_MESSAGE, "Inner"
    else:
        field.type = FIELD_TYPES[kind]
        if label == "optional":
            field.proto3_optional, field.oneof_index = True, 0
    return field


def state(stated: Any, kind: str, rules: dict[str, Any], label: str) -> None:
    """Writes rules of a kind, for the items where the field has several."""
    if kind == "repeated":
        part = stated.repeated
    else:
        part = getattr(stated.repeated.items if label == "repeated" else stated, kind)
    for name, value in rules.items():
        if isinstance(value, list):
            getattr(part, name).extend(value)
        else:
            setattr(part, name, value)


def message_class(kind: str, rules: dict[str, Any], label: str, required: bool, ignore: int) -> Any:
    """A message with one field of that kind, which protovalidate judges by these rules."""
    package = f"quick{next(NUMBERS)}"
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package}.proto", package=package, syntax="proto3"
    )
    file.dependency.append("buf/validate/validate.proto")
    inner = file.message_type.add(name="Inner")
    inner.field.add(name="text", number=1, type=Proto.TYPE_STRING, label=1)
    inner.field[0].options.Extensions[validate_pb2.field].string.min_len = 1
    outer = file.message_type.add(name="Outer")
    field = outer.field.add()
    field.CopyFrom(field_of(kind, label))
    if field.proto3_optional:
        outer.oneof_decl.add(name="_f")
    if kind == "message":
        field.type_name = f".{package}.Inner"
    if rules or required or ignore:
        stated = field.options.Extensions[validate_pb2.field]
        if rules:
            state(stated, kind, rules, label)
        stated.required = required
        stated.ignore = ignore
    pool = descriptor_pool.Default()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.Outer"))


def messages(made: Any, kind: str, label: str) -> Iterator[Any]:
    """With the field as it is, and with many values."""
    yield made()
    for value in VALUES.get(kind, TEXTS):
        message = made()
        if kind == "message":
            target = message.f.add() if label == "repeated" else message.f
            target.text = value
        elif label == "repeated":
            message.f.append(value)
        else:
            message.f = value
        yield message


@pytest.mark.parametrize("label", ["implicit", "optional", "repeated"])
@pytest.mark.parametrize(("required", "ignore"), FLAGS)
def test_what_holds_is_what_protovalidate_admits(label: str, required: bool, ignore: int) -> None:
    held = 0
    for kind, rules in RULES:
        if (kind == "repeated") > (label == "repeated"):
            continue
        made = message_class(kind, rules, label, required, ignore)
        quick = quick_rules(made.DESCRIPTOR, has_rules)
        for message in messages(made, kind, label):
            if quick is not None and quick.hold(message):
                held += 1
                assert not VALIDATOR.collect_violations(message), (kind, rules, message)
    assert held > 0 or (required and label == "repeated")


@pytest.mark.parametrize(
    "message",
    [
        auth_pb2.ListSessionsRequest(parent="users/alice", page_size=10),
        auth_pb2.RefreshRequest(refresh_token="x" * 40),
        cache_pb2.GetRequest(namespace="sessions", key="key-5000"),
        cache_pb2.IncrementRequest(namespace="sessions", key="hits", delta=1),
        user_pb2.GetUserRequest(name="users/alice"),
        limit_pb2.ListLimitRulesRequest(page_size=1000),
    ],
    ids=lambda message: message.DESCRIPTOR.name,
)
def test_messages_that_are_called_often_need_no_protovalidate(message: Any) -> None:
    quick = quick_rules(message.DESCRIPTOR, has_rules)
    assert quick is not None
    assert quick.hold(message)


@pytest.mark.parametrize(
    "message",
    [
        auth_pb2.ListSessionsRequest(parent="users/Alice"),
        auth_pb2.ListSessionsRequest(parent="users/alice\n"),
        auth_pb2.ListSessionsRequest(parent="users/alice", page_size=1001),
        auth_pb2.ListSessionsRequest(parent="users/alice", page_size=-1),
        auth_pb2.RefreshRequest(refresh_token=""),
        auth_pb2.RefreshRequest(refresh_token="x" * 257),
        cache_pb2.GetRequest(namespace="sessions", key="ä" * 513),
    ],
    ids=repr,
)
def test_what_breaks_a_rule_is_left_to_protovalidate(message: Any) -> None:
    quick = quick_rules(message.DESCRIPTOR, has_rules)
    assert quick is not None
    assert not quick.hold(message)
    assert VALIDATOR.collect_violations(message)


def test_messages_whose_rules_are_not_of_fields_alone_have_none() -> None:
    assert quick_rules(access_pb2.CreateRoleRequest.DESCRIPTOR, has_rules) is None


@pytest.mark.parametrize(
    ("pattern", "steps"),
    [
        ("^[0-9]{1,19}$", [("0123456789", 1, 19)]),
        ("^a[b-d]?[.-]*$", [("a", 1, 1), ("bcd", 0, 1), ("-.", 0, None)]),
        (r"^\.x{2}y{3,}$", [(".", 1, 1), ("x", 2, 2), ("y", 3, None)]),
    ],
)
def test_patterns_are_read_as_steps(pattern: str, steps: list[Any]) -> None:
    assert pattern_steps(pattern) == steps


@given(st.sampled_from(PATTERNS), st.text("ab1.-[](){}*+?|^$\\ \n", max_size=8))
@settings(deadline=None)
def test_patterns_that_are_read_say_what_they_said(pattern: str, more: str) -> None:
    for each in (pattern, pattern[:-1] + more + "$", f"^{more}$"):
        try:
            steps = pattern_steps(each)
            known = re.compile(f"(?:{each[1:-1]})")
        except (UnknownRuleError, re.error):
            continue
        rule = QuickRules([QuickText("text", steps=steps)])
        for text in [*TEXTS, more]:
            if rule.hold(SimpleNamespace(text=text)):
                assert known.fullmatch(text)
