"""Conditions that a caller chooses: refused or judged, and never the end of a call."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from blrcs.v1 import access_pb2, access_pb2_grpc, record_pb2, record_pb2_grpc
from tests.attacks.test_fuzzed_texts import judge
from tests.attacks.world import ATTACKER, RECORD, World, collection
from tests.e2e.workers import code

HOME = f"tenants/{ATTACKER}"
EXAMPLES = 60
WORDS = [
    *("now", "request.time", "request.method", "request.message", "principal.name", "name"),
    *("principal.groups", "principal.claims", "resource.name", "source.address", "this", "x"),
    *("true", "false", "null", "1", "-1", "0", "1.5", "9223372036854775807", "'a'", '"b"', "''"),
    *("&&", "||", "!", "==", "!=", "<", "<=", ">", "in", "+", "-", "*", "/", "%", "?", ":"),
    *("(", ")", "[", "]", "{", "}", ",", ".", ".sub", ".size()", "size(", "has(", "matches("),
    *("timestamp('2026-01-01T00:00:00Z')", "duration('1h')", ".getHours('UTC')", ".startsWith("),
    *("principal.claims.sub", "[1, 'a', true]", ".exists(x, x)", "\\", "\0", "é", "'\\ud800'"),
    *("__class__", "import os", "request.message.name", "request.message.ByteSize"),
]
conditions = st.lists(st.sampled_from(WORDS) | st.text(max_size=4), max_size=24).map(" ".join)
binary = st.builds(
    "({} {} {})".format,
    *(
        st.sampled_from(["now", "1", "'a'", "principal.claims", "request.message", "[1]"]),
        st.sampled_from(["==", "<", "in", "+", "/", "&&"]),
        st.sampled_from(
            ["0", "principal.claims.sub", "request.message.name", "null", "duration('1s')"]
        ),
    ),
)
nested = st.recursive(
    binary, lambda inner: st.builds("({} || !({}))".format, inner, inner), max_leaves=20
)


@settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
    deadline=None,
)
@given(expression=conditions | nested)
@example(expression="(" * 2000)
@example(expression="!" * 1000 + "true")
@example(expression="'" + "a" * 1000 + "'.contains('" + "a" * 10 + "')")
@example(expression="+".join(["'aaaaaaaa'"] * 90))
@example(expression="request.message.DESCRIPTOR == 1")
@example(expression="principal.claims.sub == 'users/mallory'")
def test_conditions_are_refused_or_judged(tenants: World, expression: str) -> None:
    access = access_pb2_grpc.AccessServiceStub(tenants.channel)
    try:
        request = access_pb2.CreateBindingRequest(
            parent=HOME,
            binding_id="fuzzed",
            binding={
                "role": "roles/administrator",
                "members": [f"users/{ATTACKER}"],
                "resource": HOME,
                "condition": {"expression": expression},
            },
        )
    except UnicodeEncodeError:
        return
    judge(tenants, "/blrcs.v1.AccessService/CreateBinding", request.SerializeToString())
    name = "bindings/fuzzed"
    get = access_pb2.GetBindingRequest(parent=HOME, name=name)
    if code(lambda: access.GetBinding(get, metadata=tenants.mallory)) is grpc.StatusCode.OK:
        records = record_pb2.GetRecordRequest(name=f"{collection(ATTACKER)}/records/{RECORD}")
        judge(tenants, "/blrcs.v1.RecordService/GetRecord", records.SerializeToString())
        access.DeleteBinding(
            access_pb2.DeleteBindingRequest(parent=HOME, name=name), metadata=tenants.mallory
        )


def test_a_condition_reads_what_a_request_says_and_nothing_else(tenants: World) -> None:
    """Denials by the request's own fields hold for one record and leave the other alone."""
    records = record_pb2_grpc.RecordServiceStub(tenants.channel)
    kept = f"{collection(ATTACKER)}/records/{RECORD}"

    def read(name: str) -> grpc.StatusCode:
        request = record_pb2.GetRecordRequest(name=name)
        return code(lambda: records.GetRecord(request, metadata=tenants.mallory))

    other = f"{collection(ATTACKER)}/records/none"
    for expression, hidden, visible in (
        (f"request.message.name == '{kept}'", kept, other),
        (f"resource.name == '{kept}'", kept, other),
        ("principal.claims.no_such_claim == 1", kept, None),
        ("now < timestamp('2020-01-01T00:00:00Z')", None, kept),
    ):
        with _denied_where(tenants, expression):
            if hidden is not None:
                assert read(hidden) is grpc.StatusCode.PERMISSION_DENIED, expression
            if visible is not None:
                assert read(visible) is not grpc.StatusCode.PERMISSION_DENIED, expression
    assert read(kept) is grpc.StatusCode.OK


def test_no_batch_leads_round_a_condition(tenants: World) -> None:
    """Who may not read or change one record does not by naming it among others."""
    records = record_pb2_grpc.RecordServiceStub(tenants.channel)
    home = collection(ATTACKER)
    kept = f"{home}/records/{RECORD}"
    writes: tuple[dict[str, Any], ...] = (
        {"update": {"record": {"name": kept}, "allow_missing": True}},
        {"delete": {"name": kept}},
    )
    state = tenants.state()
    with _denied_where(tenants, f"resource.name == '{kept}'"):
        get = record_pb2.BatchGetRecordsRequest(parent=home, names=[kept])
        told = code(lambda: records.BatchGetRecords(get, metadata=tenants.mallory))
        assert told is grpc.StatusCode.PERMISSION_DENIED
        for write in writes:
            create = {"create": {"parent": home, "record_id": "beside", "record": {}}}
            batch = record_pb2.BatchWriteRecordsRequest(parent=home, writes=[create, write])
            told = code(lambda: records.BatchWriteRecords(batch, metadata=tenants.mallory))  # noqa: B023
            assert told is grpc.StatusCode.PERMISSION_DENIED
    assert tenants.state() == state
    assert code(lambda: records.BatchGetRecords(get, metadata=tenants.mallory)) is (
        grpc.StatusCode.OK
    )


@contextmanager
def _denied_where(tenants: World, expression: str) -> Iterator[None]:
    access = access_pb2_grpc.AccessServiceStub(tenants.channel)
    denial = {
        "role": "roles/administrator",
        "members": [f"users/{ATTACKER}"],
        "resource": HOME,
        "effect": 2,
        "condition": {"expression": expression},
    }
    create = access_pb2.CreateBindingRequest(binding_id="denied", binding=denial)
    access.CreateBinding(create, metadata=tenants.admin)
    yield
    delete = access_pb2.DeleteBindingRequest(name="bindings/denied")
    access.DeleteBinding(delete, metadata=tenants.admin)
