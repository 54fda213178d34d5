"""Resource names are judged strictly, and templates write only names that pass."""

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from hypothesis import given
from hypothesis import strategies as st

from blrcs_native.access.resource_template import (
    MAX_RESOURCE_BYTES,
    MAX_RESOURCE_SEGMENTS,
    ResourceTemplate,
    validate_resource,
)


def request_type():
    """A message with a field of each kind that matters."""
    file = descriptor_pb2.FileDescriptorProto(name="t.proto", package="t", syntax="proto3")
    order = file.message_type.add(name="Order")
    order.field.add(name="id", number=1, type=Field.TYPE_STRING, label=1)
    order.field.add(name="number", number=2, type=Field.TYPE_INT64, label=1)
    order.enum_type.add(name="Size").value.add(name="SMALL", number=0)
    request = file.message_type.add(name="Request")
    entry = request.nested_type.add(name="LabelsEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=Field.TYPE_STRING, label=1)
    entry.field.add(name="value", number=2, type=Field.TYPE_STRING, label=1)
    plain = {
        "tenant_id": Field.TYPE_STRING,
        "name": Field.TYPE_STRING,
        "count": Field.TYPE_UINT32,
        "flag": Field.TYPE_BOOL,
        "blob": Field.TYPE_BYTES,
        "ratio": Field.TYPE_DOUBLE,
    }
    for number, (name, kind) in enumerate(plain.items(), start=1):
        request.field.add(name=name, number=number, type=kind, label=1)
    message = {"type": Field.TYPE_MESSAGE}
    request.field.add(name="order", number=10, label=1, type_name=".t.Order", **message)
    request.field.add(name="orders", number=11, label=3, type_name=".t.Order", **message)
    request.field.add(
        name="labels", number=12, label=3, type_name=".t.Request.LabelsEntry", **message
    )
    request.field.add(
        name="size", number=13, label=1, type=Field.TYPE_ENUM, type_name=".t.Order.Size"
    )
    request.oneof_decl.add(name="_version")
    request.field.add(
        name="version",
        number=14,
        label=1,
        type=Field.TYPE_INT32,
        oneof_index=0,
        proto3_optional=True,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Request"))


Request = request_type()
DESCRIPTOR = Request.DESCRIPTOR


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a",
        "tenants/acme/orders/7",
        "users/é",
        "a/.../b",
        "a/.b",
        "a/b.",
        "a/ b",
        "a/\xa0",
        "a/*",
        "/".join("a" * MAX_RESOURCE_SEGMENTS),
        "a" * MAX_RESOURCE_BYTES,
        "é" * (MAX_RESOURCE_BYTES // 2),
    ],
)
def test_a_resource_name_is_accepted(name):
    validate_resource(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/", "empty segment"),
        ("/a", "empty segment"),
        ("a/", "empty segment"),
        ("a//b", "empty segment"),
        (".", r"'\.' or '\.\.'"),
        ("..", r"'\.' or '\.\.'"),
        ("a/./b", r"'\.' or '\.\.'"),
        ("a/..", r"'\.' or '\.\.'"),
        ("../a", r"'\.' or '\.\.'"),
        ("a\0", "control"),
        ("a\x1f", "control"),
        ("a\x7f", "control"),
        ("a\x80", "control"),
        ("a\x9f", "control"),
        ("a/\r\nb", "control"),
        ("\ud800", "Unicode"),
        ("/".join("a" * (MAX_RESOURCE_SEGMENTS + 1)), "segments"),
        ("a" * (MAX_RESOURCE_BYTES + 1), "bytes"),
        ("é" * (MAX_RESOURCE_BYTES // 2) + "a", "bytes"),
    ],
)
def test_a_resource_name_is_refused_with_the_reason(name, message):
    with pytest.raises(ValueError, match=message):
        validate_resource(name)


def is_name(text: str) -> bool:
    """The rules once more, over segments."""
    if not text:
        return True
    parts = text.split("/")
    return (
        all(part and part not in {".", ".."} for part in parts)
        and len(parts) <= MAX_RESOURCE_SEGMENTS
        and not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in text)
        and not any(0xD800 <= ord(letter) < 0xE000 for letter in text)
        and len(text.encode()) <= MAX_RESOURCE_BYTES
    )


pieces = st.sampled_from(["a", "/", ".", "..", "é", "Ã", "\x85", "\n", "\x7f", "\u20ac", "\ud800"])
names = st.one_of(st.text(max_size=12), st.lists(pieces, max_size=12).map("".join))


def accepted(name: str) -> bool:
    try:
        validate_resource(name)
    except ValueError:
        return False
    return True


@given(names)
def test_names_are_judged_as_the_rules_say(name):
    assert accepted(name) is is_name(name)


@given(names.filter(lambda name: not any(0xD800 <= ord(letter) < 0xE000 for letter in name)))
def test_a_field_never_widens_its_segment(value):
    one = ResourceTemplate("tenants/{tenant_id}/orders", DESCRIPTOR)
    rendered = one.render(Request(tenant_id=value))
    good = bool(value) and "/" not in value and is_name(value)
    assert rendered == (f"tenants/{value}/orders" if good else None)
    many = ResourceTemplate("t/{name=**}", DESCRIPTOR)
    rendered = many.render(Request(name=value))
    assert rendered == (f"t/{value}" if value and is_name(f"t/{value}") else None)


@pytest.mark.parametrize("descriptor", [None, DESCRIPTOR])
@pytest.mark.parametrize(
    ("text", "fields", "name"),
    [
        ("", (), ""),
        ("orders", (), "orders"),
        ("{tenant_id}", ("tenant_id",), "acme"),
        (
            "tenants/{tenant_id}/orders/{order.id}",
            ("tenant_id", "order.id"),
            "tenants/acme/orders/7",
        ),
        ("{tenant_id}/{count}", ("tenant_id", "count"), "acme/5"),
        ("n/{order.number}", ("order.number",), "n/-3"),
        ("v/{version}", ("version",), "v/2"),
        ("{name=**}", ("name",), "users/alice"),
        ("x/{name=**}/y", ("name",), "x/users/alice/y"),
    ],
)
def test_a_template_writes_the_fields_in_their_places(descriptor, text, fields, name):
    template = ResourceTemplate(text, descriptor)
    request = Request(tenant_id="acme", name="users/alice", count=5, version=2)
    request.order.id = "7"
    request.order.number = -3
    assert template.render(request) == name
    assert template.fields == fields
    assert template.is_constant is (not fields)
    assert template.text == text


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("{tenant_id}", Request()),  # would be the root
        ("{name=**}", Request()),
        ("t/{tenant_id}", Request()),
        ("t/{tenant_id}", Request(tenant_id="a/b")),
        ("t/{tenant_id}", Request(tenant_id="..")),
        ("t/{tenant_id}", Request(tenant_id="a\n")),
        ("t/{tenant_id}", Request(tenant_id="a" * MAX_RESOURCE_BYTES)),
        ("t/{order.id}", Request()),
        ("t/{name=**}", Request()),
        ("t/{name=**}", Request(name="/a")),
        ("t/{name=**}", Request(name="a/")),
        ("t/{name=**}", Request(name="a/../b")),
        ("t/{name=**}", Request(name="/".join("a" * MAX_RESOURCE_SEGMENTS))),
    ],
)
@pytest.mark.parametrize("descriptor", [None, DESCRIPTOR])
def test_a_value_that_makes_no_name_renders_nothing(text, request_, descriptor):
    assert ResourceTemplate(text, descriptor).render(request_) is None


def test_an_absent_integer_is_not_taken_for_nought():
    for text, present in [
        ("v/{version}", Request(version=0)),
        ("n/{order.number}", Request(order={"id": "7"})),
        ("c/{count}", Request()),
    ]:
        template = ResourceTemplate(text, DESCRIPTOR)
        assert template.render(present) == f"{text[0]}/0"
    assert ResourceTemplate("v/{version}", DESCRIPTOR).render(Request()) is None
    assert ResourceTemplate("n/{order.number}", DESCRIPTOR).render(Request()) is None


@pytest.mark.parametrize("field", ["blob", "flag", "ratio", "order", "orders"])
def test_a_value_of_another_kind_renders_nothing_without_a_descriptor(field):
    request = Request(blob=b"a", flag=True, ratio=1.5, order={"id": "7"}, orders=[{"id": "7"}])
    assert ResourceTemplate(f"x/{{{field}}}").render(request) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{missing}", "t.Request has no field 'missing'"),
        ("x/{order.missing}", "t.Order has no field 'missing'"),
        ("{tenant_id.x}", "'tenant_id' is no message"),
        ("{orders.id}", "'orders' is repeated"),
        ("{labels}", "'labels' is repeated"),
        ("{labels.value}", "'labels' is repeated"),
        ("{order}", "'order' is neither"),
        ("{size}", "'size' is neither"),
        ("{blob}", "'blob' is neither"),
        ("{flag}", "'flag' is neither"),
        ("{ratio}", "'ratio' is neither"),
    ],
)
def test_a_path_that_does_not_fit_the_message_is_refused_by_name(text, message):
    with pytest.raises(ValueError, match=message):
        ResourceTemplate(text, DESCRIPTOR)


@pytest.mark.parametrize(
    "text",
    [
        "/a",
        "a/",
        "a//b",
        "a/../b",
        "a/\n",
        "{",
        "a}",
        "{}",
        "{a..b}",
        "{.a}",
        "{a.}",
        "{1a}",
        "{a=*}",
        "{a=users/*}",
        "x{a}",
        "{a}-{b}",
        "{{a}}",
        "{a }",
        "/{a}",
        "{a}/",
        "{a}//{b}",
        "/".join(["{a}"] * (MAX_RESOURCE_SEGMENTS + 1)),
    ],
)
def test_a_malformed_template_is_refused(text):
    with pytest.raises(ValueError, match="template"):
        ResourceTemplate(text)


def test_a_message_of_another_type_is_a_mistake_in_the_program():
    with pytest.raises(AttributeError):
        ResourceTemplate("{missing}").render(Request())


def test_a_template_cannot_be_changed():
    template = ResourceTemplate("a/{tenant_id}")
    template.__init__("b")
    assert template.text == "a/{tenant_id}"
    with pytest.raises(AttributeError):
        template.text = "b"
