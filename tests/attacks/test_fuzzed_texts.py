"""Texts that a caller chooses: names, filters, orders and page tokens, none of which may do harm.

What is refused is the caller's fault by its code, says nothing of the inside, and changes nothing.
"""

import base64
import string

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blrcs.v1 import access_pb2, record_pb2, user_pb2
from tests.attacks.world import World, collection

EXAMPLES = 60
FAULTS_OF_THE_CALLER = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.OUT_OF_RANGE,
}
INSIDE = ("Traceback", 'File "', "sqlite", "sqlalchemy", "SELECT ", ".py", "0x")
fuzzed = settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)
PIECES = [
    *(
        "'",
        '"',
        "--",
        ";",
        "\\",
        "%",
        "_",
        "\0",
        "\r\n",
        "/",
        "//",
        "..",
        "../",
        "*",
        "-",
        "(",
        ")",
    ),
    *(" OR ", " AND ", "NOT ", "1=1", "data", "data.", "=", "!=", "<", ">=", ":", ",", " desc"),
    *("tenants/", "alice", "/collections/notes", "/records/", "users/", "\u202e", "é", "🙂"),
    *("DROP TABLE records", "' UNION SELECT", "{{7*7}}", "${jndi:ldap://x}", "startsWith("),
]
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=24).map("".join)
tokens = (
    st.binary(max_size=96).map(lambda octets: base64.urlsafe_b64encode(octets).decode())
    | st.text(string.ascii_letters + string.digits + "-_=.", max_size=96)
    | texts
)


def judge(world: World, method: str, request: bytes) -> None:
    """Sends it for the attacker, and fails where the answer is no answer."""
    code, details, trailers, _ = world.call(method, request, world.mallory)
    assert code in FAULTS_OF_THE_CALLER | {grpc.StatusCode.OK}, (code, details)
    told = f"{details} {trailers}"
    assert not [word for word in INSIDE if word in told], told


@fuzzed
@given(filter_=texts, order_by=texts)
def test_filters_and_orders(unharmed: World, filter_: str, order_by: str) -> None:
    for chosen in ({"filter": filter_}, {"order_by": order_by}):
        request = record_pb2.ListRecordsRequest(parent=collection("mallory"), **chosen)
        judge(unharmed, "/blrcs.v1.RecordService/ListRecords", request.SerializeToString())


@fuzzed
@given(name=texts)
def test_names(unharmed: World, name: str) -> None:
    for method, request in (
        ("RecordService/GetRecord", record_pb2.GetRecordRequest(name=name)),
        ("RecordService/DeleteRecord", record_pb2.DeleteRecordRequest(name=name)),
        ("RecordService/ListRecords", record_pb2.ListRecordsRequest(parent=name)),
        ("RecordService/DeleteCollection", record_pb2.DeleteCollectionRequest(name=name)),
        ("UserService/DeleteUser", user_pb2.DeleteUserRequest(name=name)),
        ("AccessService/DeleteBinding", access_pb2.DeleteBindingRequest(name=name)),
    ):
        judge(unharmed, f"/blrcs.v1.{method}", request.SerializeToString())


@fuzzed
@given(token=tokens)
def test_page_tokens(unharmed: World, token: str) -> None:
    request = record_pb2.ListRecordsRequest(parent=collection("mallory"), page_token=token)
    judge(unharmed, "/blrcs.v1.RecordService/ListRecords", request.SerializeToString())


@fuzzed
@given(octets=st.binary(max_size=200))
def test_messages_that_are_none(unharmed: World, octets: bytes) -> None:
    for method in ("RecordService/CreateRecord", "AuthService/SignIn", "AccessService/Check"):
        code, details, _, _ = unharmed.call(f"/blrcs.v1.{method}", octets, unharmed.mallory)
        refused = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAUTHENTICATED}
        assert code in FAULTS_OF_THE_CALLER | refused, (code, details)
        assert not [word for word in INSIDE if word in (details or "")], details


@pytest.mark.parametrize("other", ["filter", "parent", "order_by"])
def test_a_page_token_is_good_for_its_own_query_alone(attacked: World, other: str) -> None:
    method = "/blrcs.v1.RecordService/ListRecords"
    names = [f"{collection('mallory')}/records/{index}" for index in range(2)]
    for name in names:
        create = record_pb2.CreateRecordRequest(
            parent=collection("mallory"), record_id=name.rpartition("/")[2]
        )
        create.record.data.update({"text": "x"})
        attacked.call(
            "/blrcs.v1.RecordService/CreateRecord", create.SerializeToString(), attacked.mallory
        )
    query = record_pb2.ListRecordsRequest(parent=collection("mallory"), page_size=1)
    _, _, _, reply = attacked.call(method, query.SerializeToString(), attacked.mallory)
    query.page_token = record_pb2.ListRecordsResponse.FromString(reply).next_page_token
    assert query.page_token
    for changed in (True, False):
        asked = record_pb2.ListRecordsRequest()
        asked.CopyFrom(query)
        if changed:
            setattr(
                asked,
                other,
                {
                    "filter": 'data.text = "x"',
                    "parent": collection("alice"),
                    "order_by": "create_time desc",
                }[other],
            )
        code, details, _, _ = attacked.call(method, asked.SerializeToString(), attacked.admin)
        expected = grpc.StatusCode.INVALID_ARGUMENT if changed else grpc.StatusCode.OK
        assert code is expected, details
    for name in names:
        attacked.call(
            "/blrcs.v1.RecordService/DeleteRecord",
            record_pb2.DeleteRecordRequest(name=name).SerializeToString(),
            attacked.mallory,
        )
