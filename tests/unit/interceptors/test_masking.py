import json

import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict

from blrcs.interceptors.masking import MASK, masked
from blrcs.v1 import auth_pb2, user_pb2
from tests.unit.interceptors.vault import Vault

SECRET = "hunter2"


def full(**fields):
    return Vault(
        secret_text=SECRET,
        secret_bytes=SECRET.encode(),
        secret_numbers=[7, 8],
        secret_texts={SECRET: SECRET},
        secret_wrapped={"value": SECRET},
        open="shown",
        **fields,
    )


MASKED = {
    "secret_text": MASK,
    "secret_bytes": MASK,
    "secret_numbers": MASK,
    "secret_texts": MASK,
    "secret_wrapped": MASK,
    "open": "shown",
}


def packed(message):
    result = Any()
    result.Pack(message)
    return result


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (full(), MASKED),
        (full(inner=full()), MASKED | {"inner": MASKED}),
        (full(list=[full(), full()]), MASKED | {"list": [MASKED] * 2}),
        (full(vaults={"a": full()}), MASKED | {"vaults": {"a": MASKED}}),
        (full(inner=full(list=[full()])), MASKED | {"inner": MASKED | {"list": [MASKED]}}),
    ],
    ids=["top", "inner", "repeated", "map", "deep"],
)
def test_secrets_are_masked_wherever_they_stand(message, expected):
    assert masked(message) == expected


def test_secrets_are_masked_in_what_is_packed():
    shown = masked(Vault(any=packed(full(any=packed(full())))))
    name = "type.googleapis.com/tests.vault.Vault"
    assert shown["any"] == MASKED | {"@type": name, "any": MASKED | {"@type": name}}


@pytest.mark.parametrize(
    "content",
    [
        Any(type_url="type.googleapis.com/nobody.Knows", value=SECRET.encode()),
        Any(type_url="type.googleapis.com/tests.vault.Vault", value=b"\xff" + SECRET.encode()),
        Any(type_url="", value=SECRET.encode()),
    ],
    ids=["unknown type", "malformed", "no type"],
)
def test_what_cannot_be_unpacked_is_masked(content):
    assert masked(Vault(any=content))["any"] == {"@type": content.type_url, "value": MASK}


def test_a_packed_value_without_fields_is_shown():
    shown = masked(Vault(any=packed(Duration(seconds=3))))
    assert shown["any"]["value"] == "3s"


def test_what_json_cannot_express_is_masked_and_the_rest_is_shown():
    shown = masked(full(duration=Duration(seconds=2**62)))
    assert shown == MASKED | {"duration": MASK}


@pytest.mark.parametrize("content", [{"fields": "x"}, {"fields": {"a": 1}}, {"value": None}])
def test_a_struct_may_hold_whatever_names(content):
    vault = Vault()
    vault.struct.update(content)
    assert masked(vault) == {"struct": content}


@pytest.mark.parametrize(
    "message",
    [
        Vault(open="a", blob=b"\x00\xff", large=2**60, colour=1, flag=True, inner=Vault(open="b")),
        Vault(colour=99, list=[Vault(), Vault(open="c")], duration=Duration(seconds=1)),
        user_pb2.ListUsersRequest(page_size=3, page_token="x"),
    ],
    ids=["scalars", "unknown enum", "numbers"],
)
def test_what_is_not_secret_is_shown_as_proto3_json(message):
    shown = masked(message)
    assert shown == MessageToDict(message, preserving_proto_field_name=True)
    json.dumps(shown)


@pytest.mark.parametrize(
    "message",
    [
        auth_pb2.SignInRequest(user_id="alice", password=SECRET),
        user_pb2.CreateUserRequest(user_id="alice", password=SECRET),
        auth_pb2.RefreshRequest(refresh_token=SECRET),
        auth_pb2.IssueServiceTokenRequest(api_key=SECRET),
        auth_pb2.IntrospectRequest(token=SECRET),
    ],
    ids=lambda message: message.DESCRIPTOR.name,
)
def test_the_products_own_secrets_are_masked(message):
    assert SECRET not in json.dumps(masked(message))
