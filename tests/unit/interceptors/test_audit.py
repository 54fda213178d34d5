"""What is recorded of calls, and which calls wait for it."""

import asyncio
import json

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from blrcs.domain.errors import (
    DataLossError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnavailableError,
)
from blrcs.domain.policy import MethodPolicy, Permission
from blrcs.domain.proven_subject import note_subject
from blrcs.interceptors.audit import Audit, shown
from blrcs.interceptors.error_mapping import error_rejection
from blrcs.transport.in_process import InProcessStream
from blrcs.v1 import access_pb2, cache_pb2
from blrcs_native.access import AccessTable
from blrcs_native.authorization_guard import CurrentAccess
from blrcs_native.call import Call, Principal
from blrcs_native.checked_request import CheckedRequest
from blrcs_native.guard import Guard
from blrcs_native.method import Method
from blrcs_native.pipeline import Pipeline
from blrcs_native.refusal_folder import RefusalFolder
from blrcs_native.rejection import CODE_NAMES, Rejection
from tests.unit.interceptors.calls import Reply, Request, method_of
from tests.unit.interceptors.vault import Vault

CODES = {"authentication": 16, "authorization": 7, "validation": 3, "rate_limit": 8}


class Sink:
    """Keeps records, and fails to where it is told so."""

    def __init__(self) -> None:
        self.refusals = RefusalFolder(lambda: None, capacity=100)
        self.records: list[tuple[str, dict]] = []
        self.is_writable = True
        self.is_lost = False
        self.committing = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    def require_writable(self):
        if not self.is_writable:
            raise UnavailableError("AUDIT_LOG_UNAVAILABLE", "no")

    def put(self, values):
        self.records.append(("put", dict(values)))

    async def commit(self, values):
        self.records.append(("commit", dict(values)))
        self.committing.set()
        await self.go_on.wait()
        if self.is_lost:
            raise DataLossError("AUDIT_RECORD_LOST", "lost")

    def folded(self):
        return [
            (each.kind[1:5], CODE_NAMES[each.kind[5]], *each.kind[6:], each.count, each.told)
            for each in self.refusals.take()
        ]


class Refusing(Guard):
    """Rejects in the name of its stage."""

    def check(self, call):
        return Rejection(CODES[self.stage], self.stage, "REFUSED", "no")


@pytest.fixture
def sink():
    return Sink()


class Served:
    """One method behind the audit log."""

    def __init__(self, sink, level, *, work=None, method=None, policy=None, **stages) -> None:
        self.calls = 0
        self.method = method or method_of(message=Vault)
        policy = policy or MethodPolicy("public", audit=level)
        access = CurrentAccess(AccessTable([], [], [], epoch=7))
        self.audit = Audit(self.method, policy, sink, access)

        async def handler(request, call):
            self.calls += 1
            if work is not None:
                await work(call)
            return None if call.status_code else Reply()

        self.pipeline = Pipeline(
            self.method,
            self.audit.bind(handler),
            observers=[self.audit],
            map_error=error_rejection,
            **stages,
        )

    async def __call__(self, request=None, *, metadata=(), principal=None):
        call = Call(self.method, InProcessStream(None), metadata, "192.0.2.1")
        call.principal = principal
        request = Vault(open="x", secret_text="hunter2") if request is None else request
        reply = await self.pipeline.serve(call, request.SerializeToString())
        return call.status_code, reply


async def test_a_change_is_answered_once_its_record_is_durable(sink):
    sink.go_on.clear()
    serving = asyncio.create_task(Served(sink, "request")())
    await sink.committing.wait()
    assert not serving.done()
    sink.go_on.set()
    assert (await serving)[0] == 0
    ((how, record),) = sink.records
    assert how == "commit"
    assert record == {
        "kind": "call",
        "method": "/tests.Service/Get",
        "epoch": 7,
        "request": {"open": "x", "secret_text": "********"},
        "address": "192.0.2.1",
        "code": "OK",
    }


async def test_a_read_does_not_wait(sink):
    method = Method(
        "/blrcs.v1.AccessService/GetRole",
        client_streaming=False,
        server_streaming=False,
        parse=access_pb2.GetRoleRequest.FromString,
        serialize=Reply.SerializeToString,
        input_descriptor=access_pb2.GetRoleRequest.DESCRIPTOR,
    )
    await Served(sink, "call", method=method)(access_pb2.GetRoleRequest(name="roles/x"))
    ((how, record),) = sink.records
    assert (how, record["code"]) == ("put", "OK")


@pytest.mark.parametrize(
    ("error", "code", "how"),
    [
        (NotFoundError("x"), "NOT_FOUND", "put"),
        (PermissionDeniedError("NOT_YOURS", "no"), "PERMISSION_DENIED", "put"),
        (UnavailableError("DATABASE_UNAVAILABLE", "no"), "UNAVAILABLE", "commit"),
        (RuntimeError("x"), "INTERNAL", "commit"),
    ],
)
async def test_a_failure_is_recorded_once_and_waited_for_where_something_may_be_done(
    sink, error, code, how
):
    async def work(call):
        raise error

    served = Served(sink, "call", work=work)
    status, _ = await served()
    assert CODE_NAMES[status] == code
    ((recorded_how, record),) = sink.records
    assert (recorded_how, record["code"]) == (how, code)
    assert sink.folded() == []


async def test_where_nothing_can_be_recorded_nothing_is_done(sink):
    sink.is_writable = False
    served = Served(sink, "call")
    status, _ = await served()
    assert (CODE_NAMES[status], served.calls, sink.records) == ("UNAVAILABLE", 0, [])
    ((_, code, _, reason, _, count, _),) = sink.folded()
    assert (code, reason, count) == ("UNAVAILABLE", "AUDIT_LOG_UNAVAILABLE", 1)
    unaudited = Served(sink, "refusals")
    assert (await unaudited())[0] == 0


async def test_a_record_that_is_lost_is_told_to_the_caller(sink):
    sink.is_lost = True
    status, reply = await Served(sink, "call")()
    assert (CODE_NAMES[status], reply) == ("DATA_LOSS", None)
    _, (how, ended) = sink.records
    assert (how, ended["kind"], ended["code"]) == ("put", "ended", "DATA_LOSS")


async def test_a_call_whose_caller_has_gone_is_recorded_all_the_same(sink):
    waiting = asyncio.Event()

    async def work(call):
        waiting.set()
        await asyncio.Event().wait()

    serving = asyncio.create_task(Served(sink, "call", work=work)())
    await waiting.wait()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    ((how, record),) = sink.records
    assert (how, record["code"]) == ("put", "CANCELLED")


async def test_a_call_that_ends_otherwise_than_recorded_is_told_of(sink):
    sink.go_on.clear()
    served = Served(sink, "call")
    serving = asyncio.create_task(served())
    await sink.committing.wait()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    (_, record), (_, ended) = sink.records
    assert (record["code"], ended["kind"], ended["code"]) == ("OK", "ended", "CANCELLED")
    assert served.audit._ended == {}


@pytest.mark.parametrize("level", ["refusals", "call", "request"])
@pytest.mark.parametrize("stage", ["authentication", "authorization"])
async def test_refusals_by_authentication_and_authorization_are_folded(sink, level, stage):
    served = Served(sink, level, guards=[Refusing(stage)])
    for _ in range(3):
        await served()
    assert served.calls == 0
    ((who, code, found, reason, shadow, count, told),) = sink.folded()
    assert who == ("", "", "192.0.2.1", "")
    assert (CODES[stage], found, reason, shadow, count) == (
        CODE_NAMES.index(code),
        stage,
        "REFUSED",
        False,
        3,
    )
    assert told["epoch"] == 7
    assert sink.records == []


@pytest.mark.parametrize("stage", ["validation", "rate_limit"])
async def test_other_refusals_are_kept_only_where_calls_are(sink, stage):
    await Served(sink, "refusals", body_guards=[Refusing(stage)])()
    assert sink.folded() == []
    await Served(sink, "request", body_guards=[Refusing(stage)])()
    ((*_, told),) = sink.folded()
    assert told["request"] == {"open": "x", "secret_text": "********"}


@pytest.mark.parametrize("level", ["refusals", "call"])
async def test_what_a_guard_in_shadow_would_have_refused_is_kept(sink, level):
    await Served(sink, level, guards=[Refusing("authorization", shadow=True)])()
    ((_, code, stage, reason, shadow, *_),) = sink.folded()
    assert (code, stage, reason, shadow) == ("OK", "authorization", "REFUSED", True)
    assert len(sink.records) == (1 if level == "call" else 0)


def raising(error):
    async def work(call):
        raise error

    return work


async def denying(call):
    call.set_code(grpc.StatusCode.PERMISSION_DENIED)


@pytest.mark.parametrize(
    ("work", "code", "reason"),
    [
        (
            raising(UnauthenticatedError("SIGN_IN_FAILED", "no")),
            "UNAUTHENTICATED",
            "SIGN_IN_FAILED",
        ),
        (raising(PermissionDeniedError("NOT_YOURS", "no")), "PERMISSION_DENIED", "NOT_YOURS"),
        (lambda call: call.abort(grpc.StatusCode.PERMISSION_DENIED), "PERMISSION_DENIED", ""),
        (denying, "PERMISSION_DENIED", ""),
    ],
    ids=["unauthenticated", "denied", "aborted", "set"],
)
async def test_a_handlers_own_refusal_is_kept_of_any_method(sink, work, code, reason):
    await Served(sink, "refusals", work=work)()
    ((_, found, stage, told, *_),) = sink.folded()
    assert (found, stage, told) == (code, "handler", reason)


async def test_another_error_of_a_handler_is_no_refusal(sink):
    await Served(sink, "refusals", work=raising(NotFoundError("x")))()
    assert sink.folded() == []


@pytest.mark.parametrize("refused", [False, True])
async def test_a_request_that_json_cannot_express_does_not_silence_the_record(sink, refused):
    guards = [Refusing("authorization")] if refused else []
    request = Vault(secret_text="hunter2", duration=Duration(seconds=2**62))
    request.struct.update({"fields": "x"})
    await Served(sink, "request", body_guards=guards)(request)
    ((*_, told),) = sink.folded() if refused else [sink.records[0]]
    assert told["request"]["secret_text"] == "********"
    assert "hunter2" not in json.dumps(told)


async def test_a_request_that_was_not_parsed_is_not_in_the_record(sink):
    await Served(sink, "request", guards=[Refusing("authentication")])()
    ((*_, told),) = sink.folded()
    assert "request" not in told


def test_of_a_request_that_would_fill_the_log_the_size_is_shown():
    request = cache_pb2.SetRequest(namespace="n", key="k", value=bytes(100_000))
    assert shown(request) == {"size_bytes": request.ByteSize()}
    request.value = b"v"
    assert shown(request)["key"] == "k"


async def test_the_resource_is_the_one_of_the_policy(sink):
    policy = MethodPolicy(Permission("users.get", "{name=**}"), audit="call")
    method = method_of()
    served = Served(sink, "call", method=method, policy=policy)
    await served(Request(name="users/bob"), principal=Principal("users/alice", session="s1"))
    ((_, record),) = sink.records
    assert (record["principal"], record["session"], record["resource"]) == (
        "users/alice",
        "s1",
        "users/bob",
    )
    policy = MethodPolicy(Permission("users.get", "{name=**}"))
    refused = Served(
        sink, "", method=method, policy=policy, body_guards=[Refusing("authorization")]
    )
    await refused(Request(name="users/bob"))
    await refused(Request(name="users/eve"))
    assert [who[3] for who, *_ in sink.folded()] == ["users/bob", "users/eve"]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("req-1", "req-1"),
        ("a b", None),
        ("x" * 129, None),
        ("x\ny", None),
        ("é", None),
        (b"raw", None),
    ],
)
async def test_a_request_id_is_told_where_it_is_fit_to_be(sink, value, told):
    await Served(sink, "call")(metadata=(("x-request-id", value),))
    ((_, record),) = sink.records
    assert record.get("request_id") == told


async def test_whom_a_call_proves_to_be_is_its_principal(sink):
    async def work(call):
        note_subject("users/alice", "s1")

    await Served(sink, "call", work=work)()
    await Served(sink, "call")()
    (_, one), (_, other) = sink.records
    assert (one["principal"], one["session"]) == ("users/alice", "s1")
    assert "principal" not in other


async def test_a_request_that_turns_out_to_be_no_message_is_recorded_without_it(sink):
    def parse(octets):
        return CheckedRequest(octets, "x", Vault.FromString)

    method = Method(
        "/tests.Service/Get",
        client_streaming=False,
        server_streaming=False,
        parse=parse,
        serialize=Reply.SerializeToString,
    )

    async def handler(request, call):
        del call
        return request.message

    audit = Audit(method, MethodPolicy("public", audit="request"), sink, None)
    pipeline = Pipeline(method, audit.bind(handler), observers=[audit])
    call = Call(method, InProcessStream(None), (), "192.0.2.1")
    assert await pipeline.serve(call, b"\xff") is None
    ((_, record),) = sink.records
    assert (record["code"], record["reason"]) == ("INVALID_ARGUMENT", "REQUEST_MALFORMED")
    assert "request" not in record


@pytest.mark.parametrize(
    ("kept", "guards"),
    [
        ("call", ()),
        ("request", ()),
        ("request", (Refusing("authorization"),)),
        ("refusals", (Refusing("authorization"),)),
    ],
)
async def test_a_resource_that_cannot_be_read_loses_no_record(sink, kept, guards):
    def parse(octets):
        return CheckedRequest(octets, "x", Vault.FromString)

    method = Method(
        "/tests.Service/Get",
        client_streaming=False,
        server_streaming=False,
        parse=parse,
        serialize=Reply.SerializeToString,
    )

    async def handler(request, call):
        del request, call
        return Reply()

    policy = MethodPolicy(Permission("vaults.get", "vaults/{other}"), audit=kept)
    audit = Audit(method, policy, sink, None)
    pipeline = Pipeline(method, audit.bind(handler), body_guards=guards, observers=[audit])
    call = Call(method, InProcessStream(None), (), "192.0.2.1")
    await pipeline.serve(call, b"\xff")
    told = [values for _, values in sink.records] or [each[-1] for each in sink.folded()]
    assert len(told) == 1
    assert "resource" not in told[0]
