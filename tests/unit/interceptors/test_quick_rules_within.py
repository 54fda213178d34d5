"""What is quickly seen to hold of messages with others in them, holds for protovalidate too."""

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from buf.validate import validate_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from protovalidate import Validator

import blrcs.v1
from blrcs.interceptors.quick_rules import quick_rules
from blrcs.interceptors.validation import has_rules
from blrcs.v1 import record_pb2
from blrcs_native.guards.quick_rules import QuickOneof, QuickRules, QuickText, QuickTexts

Proto = descriptor_pb2.FieldDescriptorProto
VALIDATOR = Validator()
PARENT = "tenants/acme/collections/orders"
TEXTS = [
    "", "a", "a b", "A", "\n", "ä", "x" * 65, "x" * 321, "x" * 40, "orders.read", "7", "1-a",
    "tenants/acme", "tenants/Acme", PARENT, f"{PARENT}/", f"{PARENT}/records/a", "users/alice",
    "users/alice/sessions/1", "roles/admin", "groups/all", "*",
]  # fmt: skip
WHOLE = {"int32", "int64", "uint32", "uint64"}


def requests() -> Iterator[Descriptor]:
    """What our own services' methods take."""
    for module in pkgutil.iter_modules(blrcs.v1.__path__):
        if module.name.endswith("_pb2"):
            file = importlib.import_module(f"blrcs.v1.{module.name}").DESCRIPTOR
            for service in file.services_by_name.values():
                yield from (method.input_type for method in service.methods)


REQUESTS = [each for each in requests() if quick_rules(each, has_rules) is not None]


@st.composite
def filled(draw: st.DrawFn, descriptor: Descriptor, levels: int = 4) -> Message:
    """A message with whatever its fields may hold, or may not."""
    message = message_factory.GetMessageClass(descriptor)()
    if descriptor.full_name == "google.protobuf.Struct":
        return Struct(fields={"a": {"bool_value": True}})
    for field in descriptor.fields:
        count = draw(st.integers(0, 2 if field.is_repeated else 1))
        if field.message_type is not None:
            if not levels or field.message_type.GetOptions().map_entry:
                continue
            values = [draw(filled(field.message_type, levels - 1)) for _ in range(count)]
        else:
            values = [draw(scalar(field)) for _ in range(count)]
        if field.is_repeated:
            getattr(message, field.name).extend(values)
        elif values and field.message_type is not None:
            getattr(message, field.name).CopyFrom(values[0])
        elif values:
            setattr(message, field.name, values[0])
    return message


def scalar(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.type == field.TYPE_STRING:
        return st.sampled_from(TEXTS)
    if field.type == field.TYPE_BYTES:
        return st.sampled_from([b"", b"x"])
    if field.type == field.TYPE_BOOL:
        return st.booleans()
    if field.type in (field.TYPE_DOUBLE, field.TYPE_FLOAT):
        return st.sampled_from([0.0, 1.5])
    return st.sampled_from([0, 1, 2])


@pytest.mark.parametrize("descriptor", REQUESTS, ids=lambda each: each.name)
def test_requests_that_hold_are_admitted(descriptor: Descriptor) -> None:
    quick = quick_rules(descriptor, has_rules)
    assert quick is not None

    @given(filled(descriptor))
    @settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
    def admitted(message: Message) -> None:
        if quick.hold(message):
            assert not VALIDATOR.collect_violations(message)

    admitted()


def creation(**fields: Any) -> record_pb2.CreateRecordRequest:
    given = {"parent": PARENT, "record": record_pb2.Record(data={"a": 1})}
    return record_pb2.CreateRecordRequest(**given | fields)


def updating(**fields: Any) -> record_pb2.UpdateRecordRequest:
    record = record_pb2.Record(**{"name": f"{PARENT}/records/a", "data": {"a": 1}} | fields)
    return record_pb2.UpdateRecordRequest(record=record)


def batch(*writes: Any, **fields: Any) -> record_pb2.BatchWriteRecordsRequest:
    return record_pb2.BatchWriteRecordsRequest(**{"parent": PARENT, "writes": writes} | fields)


Write = record_pb2.RecordWrite
DELETION = record_pb2.DeleteRecordRequest(name=f"{PARENT}/records/a")


@pytest.mark.parametrize(
    "message",
    [
        creation(),
        creation(record_id="a~1"),
        updating(etag="1-a"),
        batch(Write(create=creation()), Write(update=updating()), Write(delete=DELETION)),
        batch(*[Write(create=creation())] * 1000),
        record_pb2.BatchGetRecordsRequest(parent=PARENT, names=[f"{PARENT}/records/a"] * 100),
    ],
    ids=lambda message: f"{message.DESCRIPTOR.name}",
)
def test_records_are_written_without_protovalidate(message: Message) -> None:
    quick = quick_rules(message.DESCRIPTOR, has_rules)
    assert quick is not None
    assert quick.hold(message)


@pytest.mark.parametrize(
    "message",
    [
        creation(parent="tenants/acme"),
        creation(record_id="a/b"),
        creation(record=record_pb2.Record(etag="x" * 65)),
        creation(record=record_pb2.Record(ttl=Duration(nanos=1))),
        record_pb2.CreateRecordRequest(parent=PARENT),
        updating(name=""),
        record_pb2.UpdateRecordRequest(),
        batch(),
        batch(Write()),
        batch(Write(create=creation()), Write()),
        batch(Write(create=creation()), Write(create=creation(record_id="a/b"))),
        batch(Write(delete=record_pb2.DeleteRecordRequest())),
        batch(*[Write(delete=DELETION)] * 1001),
        record_pb2.BatchGetRecordsRequest(parent=PARENT),
        record_pb2.BatchGetRecordsRequest(parent=PARENT, names=["a", ""]),
        record_pb2.BatchGetRecordsRequest(parent=PARENT, names=["a"] * 101),
    ],
    ids=lambda message: f"{message.DESCRIPTOR.name}",
)
def test_what_breaks_a_rule_within_is_left_to_protovalidate(message: Message) -> None:
    quick = quick_rules(message.DESCRIPTOR, has_rules)
    assert quick is not None
    assert not quick.hold(message)
    assert VALIDATOR.collect_violations(message)


def made(name: str, *, expression: str = "", **kinds: Any) -> Descriptor:
    """A message with a field ``inner`` of a message with a text, as the rules of a case say."""
    package = f"within.{name}"
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package)
    file.syntax = "proto3"
    file.dependency.append("buf/validate/validate.proto")
    inner = file.message_type.add(name="Inner")
    inner.field.add(name="text", number=1, type=Proto.TYPE_STRING, label=1)
    if kinds.get("inner_rules", True):
        inner.field[0].options.Extensions[validate_pb2.field].string.min_len = 1
    if kinds.get("recursive"):
        inner.field.add(
            name="inner", number=2, type=Proto.TYPE_MESSAGE, type_name=f".{package}.Inner", label=1
        )
    if kinds.get("inner_expression"):
        rule = inner.options.Extensions[validate_pb2.message].cel.add(id="x", message="x")
        rule.expression = kinds["inner_expression"]
    outer = file.message_type.add(name="Outer")
    field = outer.field.add(
        name="inner",
        number=1,
        type=Proto.TYPE_MESSAGE,
        type_name=f".{package}.Inner",
        label=3 if kinds.get("repeated") else 1,
    )
    rules = field.options.Extensions[validate_pb2.field]
    if expression:
        rules.cel.add(id="x", message="x", expression=expression)
    if kinds.get("unique"):
        rules.repeated.unique = True
    if kinds.get("required"):
        rules.required = True
    pool = descriptor_pool.Default()
    pool.Add(file)
    return pool.FindMessageTypeByName(f"{package}.Outer")


CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "required": {"required": True},
    "repeated": {"repeated": True},
    "repeated_required": {"repeated": True, "required": True},
    "known": {"expression": "this.text != ''", "inner_rules": False},
    "other": {"expression": "this.text == ''", "inner_rules": False},
    "longer": {"expression": "this.text != '' && false", "inner_rules": False},
    "elsewhere": {"expression": "'' != ''", "inner_rules": False},
    "recursive": {"recursive": True},
    "recursive_repeated": {"recursive": True, "repeated": True},
    "of_the_message": {"inner_expression": "this.text != 'a'"},
    "of_the_messages": {"inner_expression": "this.text != 'a'", "repeated": True},
}


@pytest.mark.parametrize("name", CASES)
def test_rules_around_a_message_hold_or_are_left(name: str) -> None:
    descriptor = made(name, **CASES[name])
    outer = message_factory.GetMessageClass(descriptor)
    inner = message_factory.GetMessageClass(descriptor.fields_by_name["inner"].message_type)
    within = [inner(), inner(text="a")]
    if "inner" in inner.DESCRIPTOR.fields_by_name:
        within += [inner(text="a", inner=each) for each in within]
    messages = [outer()]
    if CASES[name].get("repeated"):
        messages += [outer(inner=[each]) for each in within] + [outer(inner=within)]
    else:
        messages += [outer(inner=each) for each in within]
    quick = quick_rules(descriptor, has_rules)
    held: Counter[bool] = Counter()
    for message in messages:
        holds = quick is not None and quick.hold(message)
        held[holds] += 1
        assert not (holds and VALIDATOR.collect_violations(message))
    if name in {"plain", "required", "repeated", "repeated_required", "known"}:
        # Of these everything is known.
        assert held[True] == sum(not VALIDATOR.collect_violations(each) for each in messages)


def test_texts_of_a_list_are_counted_and_looked_at() -> None:
    rule = QuickRules([QuickTexts("names", item=QuickText("", least=1), least=1, most=2)])
    message = record_pb2.BatchGetRecordsRequest
    assert rule.hold(message(names=["a"]))
    assert rule.hold(message(names=["a", "b"]))
    for names in ([], ["a", "b", "c"], ["a", ""]):
        assert not rule.hold(message(names=names))


def test_a_oneof_has_some_field() -> None:
    rule = QuickRules([QuickOneof("operation")])
    assert rule.hold(Write(delete=DELETION))
    assert not rule.hold(Write())
