"""What the constraints in auth.proto and user.proto let through."""

import pytest
from protovalidate import Validator

from blrcs.v1 import auth_pb2, user_pb2

VALIDATOR = Validator()


def violations(message):
    return {
        ".".join(element.field_name for element in each.proto.field.elements)
        for each in VALIDATOR.collect_violations(message)
    }


UPDATES = {
    user_pb2.UpdateUserRequest: ("user", "users/alice"),
    user_pb2.UpdateServiceAccountRequest: ("service_account", "serviceAccounts/robot"),
    user_pb2.UpdateApiKeyRequest: ("api_key", "serviceAccounts/robot/apiKeys/ci"),
}


@pytest.mark.parametrize("request_type", UPDATES)
def test_an_update_of_one_field_needs_only_that_and_the_name(request_type):
    field, name = UPDATES[request_type]

    request = request_type(
        **{field: {"name": name, "display_name": "x"}}, update_mask={"paths": ["display_name"]}
    )

    assert violations(request) == set()


@pytest.mark.parametrize("request_type", UPDATES)
def test_an_update_says_which_one(request_type):
    field, name = UPDATES[request_type]

    assert violations(request_type()) == {field}
    assert violations(request_type(**{field: {"display_name": "x"}})) == {field}
    for wrong in ("alice", f"{name}/", f"{name}\n", f"/{name}", "users/../admin"):
        assert violations(request_type(**{field: {"name": wrong}})) == {f"{field}.name"}


def test_a_resource_to_create_needs_no_name():
    requests = [
        user_pb2.CreateUserRequest(user_id="alice", user={}, password="x" * 8),
        user_pb2.CreateServiceAccountRequest(service_account={}),
        user_pb2.CreateApiKeyRequest(parent="serviceAccounts/robot", api_key={}),
    ]

    assert [violations(each) for each in requests] == [set()] * 3


@pytest.mark.parametrize("user_id", ["", "Alice", "a/b", "-a", "a-", "a" * 65, "é", "a b", "a\n"])
def test_ids_are_plain(user_id):
    request = user_pb2.CreateUserRequest(user_id=user_id, user={}, password="x" * 8)

    assert violations(request) == {"user_id"}


@pytest.mark.parametrize(
    ("password", "valid"),
    [("x" * 7, False), ("x" * 8, True), ("é" * 512, True), ("é" * 513, False)],
)
def test_passwords_are_bounded_in_characters_and_bytes(password, valid):
    requests = {
        "password": user_pb2.CreateUserRequest(user_id="a", user={}, password=password),
        "new_password": user_pb2.ResetPasswordRequest(name="users/a", new_password=password),
    }

    assert [violations(each) for each in requests.values()] == [
        set() if valid else {field} for field in requests
    ]
    change = user_pb2.ChangePasswordRequest(name="users/a", old_password="x", new_password=password)
    assert violations(change) == (set() if valid else {"new_password"})


def test_a_sign_in_is_bounded_in_size_alone():
    assert violations(auth_pb2.SignInRequest(user_id="NO such id", password="x")) == set()
    too_long = auth_pb2.SignInRequest(user_id="x" * 65, password="é" * 513)
    assert violations(too_long) == {"user_id", "password"}


@pytest.mark.parametrize(
    ("seconds", "valid"),
    [(0, True), (9_223_372_035, True), (9_223_372_036, False), (-1, False)],
)
def test_an_expiry_is_one_that_can_be_stored(seconds, valid):
    request = user_pb2.CreateApiKeyRequest(
        parent="serviceAccounts/robot", api_key={"expire_time": {"seconds": seconds}}
    )

    assert violations(request) == (set() if valid else {"api_key.expire_time"})


def test_an_expiry_has_no_more_nanoseconds_than_a_second():
    request = user_pb2.CreateApiKeyRequest(
        parent="serviceAccounts/robot",
        api_key={"expire_time": {"seconds": 9_223_372_035, "nanos": 2_000_000_000}},
    )

    assert violations(request) == {"api_key.expire_time"}


def test_an_email_is_one_or_none():
    def update(email):
        return user_pb2.UpdateUserRequest(user={"name": "users/alice", "email": email})

    assert violations(update("")) == set()
    assert violations(update("a@example.org")) == set()
    assert violations(update("nonsense")) == {"user.email"}
