"""What the constraints in access.proto let through."""

import pytest
from protovalidate import Validator

from blrcs.v1 import access_pb2

VALIDATOR = Validator()
UPDATES = {
    access_pb2.UpdateRoleRequest: ("role", "roles/r"),
    access_pb2.UpdateGroupRequest: ("group", "groups/g"),
    access_pb2.UpdateBindingRequest: ("binding", "bindings/b"),
}


def violations(message):
    return {
        ".".join(element.field_name for element in each.proto.field.elements)
        for each in VALIDATOR.collect_violations(message)
    }


@pytest.mark.parametrize("request_type", UPDATES)
def test_an_update_of_one_field_needs_only_that_and_the_name(request_type):
    field, name = UPDATES[request_type]

    assert violations(request_type(**{field: {"name": name}})) == set()


@pytest.mark.parametrize("request_type", UPDATES)
def test_an_update_says_which_one(request_type):
    field, name = UPDATES[request_type]

    assert violations(request_type()) == {field}
    assert violations(request_type(**{field: {"etag": "x"}})) == {field}
    for wrong in (f"{name}\n", f"/{name}", f"{name}/x", "users/u", "x" * 5000):
        assert violations(request_type(**{field: {"name": wrong}})) == {f"{field}.name"}


def test_a_resource_to_create_needs_no_name():
    requests = [
        access_pb2.CreateRoleRequest(role={}),
        access_pb2.CreateGroupRequest(group={}),
        access_pb2.CreateBindingRequest(binding={}),
    ]

    assert [violations(each) for each in requests] == [set()] * 3


@pytest.mark.parametrize(
    ("member", "bound", "grouped"),
    [
        ("users/u", True, True),
        ("serviceAccounts/s", True, True),
        ("groups/g", True, True),
        ("tenants/acme/groups/g", True, True),
        ("tenants/acme/roles/g", False, False),
        ("tenants/../groups/g", False, False),
        ("tenants/acme/users/u", False, False),
        ("allUsers", True, False),
        ("allAuthenticated", True, False),
        ("roles/r", False, False),
        ("users/u/sessions/s", False, False),
        ("users/", False, False),
        ("", False, False),
    ],
)
def test_members_are_principals_and_groups(member, bound, grouped):
    binding = access_pb2.CreateBindingRequest(binding={"members": [member]})
    group = access_pb2.CreateGroupRequest(group={"members": [member]})

    assert (not violations(binding), not violations(group)) == (bound, grouped)


@pytest.mark.parametrize(
    ("seconds", "valid"), [(0, True), (9_223_372_035, True), (9_223_372_036, False), (-1, False)]
)
def test_an_expiry_is_one_that_can_be_stored(seconds, valid):
    request = access_pb2.CreateBindingRequest(binding={"expire_time": {"seconds": seconds}})

    assert violations(request) == (set() if valid else {"binding.expire_time"})


@pytest.mark.parametrize(
    ("permission", "in_role", "in_check"),
    [
        ("orders.read", True, True),
        ("orders_v2.bulk-read", True, True),
        ("read", True, True),
        ("orders.*", True, False),
        ("*", True, False),
        ("*.read", False, False),
        ("orders..read", False, False),
        ("orders.", False, False),
        ("", False, False),
        ("a" * 256, True, True),
        ("a" * 257, False, False),
    ],
)
def test_permissions_are_what_the_guards_take_for_one(permission, in_role, in_check):
    role = access_pb2.CreateRoleRequest(role={"permissions": [permission]})
    check = access_pb2.CheckRequest(principal="users/u", permission=permission)

    assert (not violations(role), not violations(check)) == (in_role, in_check)


@pytest.mark.parametrize("kind", ["role", "group"])
@pytest.mark.parametrize(
    ("home", "valid"),
    [
        ("", True),
        ("tenants/acme", True),
        ("tenants/", False),
        ("tenants/..", False),
        ("tenants/acme/orders", False),
        ("tenants/acme/", False),
        ("tenants/ACME", False),
        ("orders/acme", False),
    ],
)
def test_a_role_or_group_belongs_to_a_tenant_or_to_none(kind, home, valid):
    title = kind.capitalize()
    requests = {
        "parent": [
            getattr(access_pb2, f"Create{title}Request")(parent=home, **{kind: {}}),
            getattr(access_pb2, f"List{title}sRequest")(parent=home),
        ],
        "name": [
            getattr(access_pb2, f"{verb}{title}Request")(name=f"{home and home + '/'}{kind}s/x")
            for verb in ("Get", "Delete")
        ],
    }
    for field, each in requests.items():
        for request in each:
            assert violations(request) == (set() if valid else {field})
