import io
import json
import logging

import grpc
import pytest
import structlog
from google.protobuf.duration_pb2 import Duration

from blrcs.domain.errors import NotFoundError, PermissionDeniedError, UnauthenticatedError
from blrcs.domain.policy import MethodPolicy, Permission
from blrcs.interceptors.audit import Audit, shown
from blrcs.interceptors.error_mapping import error_rejection
from blrcs.monitoring.logging import configure_logging
from blrcs.transport.in_process import InProcessStream
from blrcs.v1 import cache_pb2
from blrcs_native.call import Call
from blrcs_native.guard import Guard
from blrcs_native.pipeline import Pipeline
from blrcs_native.rejection import Rejection
from tests.unit.interceptors.calls import Reply, method_of
from tests.unit.interceptors.test_guards import factory, serve, token
from tests.unit.interceptors.vault import Vault

LEVELS = ("refusals", "call", "request")
CODES = {"authentication": 16, "authorization": 7, "validation": 3, "rate_limit": 8}


@pytest.fixture
def written():
    """What is written to the log."""
    with structlog.testing.capture_logs() as entries:
        yield entries


class Refusing(Guard):
    """Rejects in the name of its stage."""

    def check(self, call):
        return Rejection(CODES[self.stage], self.stage, "REFUSED", "no")


async def audited(level, *, guards=(), body_guards=(), request=None, work=None):
    """The records of one call."""
    records = []
    method = method_of(message=Vault)

    async def handler(request, call):
        if work is not None:
            await work(call)
        return None if call.status_code else Reply()

    audit = Audit(
        MethodPolicy("public", audit=level), lambda event, **values: records.append(values)
    )
    pipeline = Pipeline(
        method,
        handler,
        guards=guards,
        body_guards=body_guards,
        observers=[audit],
        map_error=error_rejection,
    )
    call = Call(method, InProcessStream(None), (), "192.0.2.1")
    request = Vault(open="x", secret_text="hunter2") if request is None else request
    await pipeline.serve(call, request.SerializeToString())
    return records


def raising(error):
    async def work(call):
        raise error

    return work


async def test_what_is_kept_of_a_call_that_passed_depends_on_the_level():
    call = {
        "method": "/tests.Service/Get",
        "principal": "",
        "session": "",
        "address": "192.0.2.1",
        "code": "OK",
    }
    assert await audited("refusals") == []
    assert await audited("call") == [call]
    request = {"open": "x", "secret_text": "********"}
    assert await audited("request") == [call | {"request": request}]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("stage", ["authentication", "authorization"])
async def test_a_refusal_by_authentication_or_authorization_is_always_written(level, stage):
    for where in ("guards", "body_guards"):
        (record,) = await audited(level, **{where: [Refusing(stage)]})
        assert (record["stage"], record["reason"]) == (stage, "REFUSED")
        assert record["code"] == {"authentication": "UNAUTHENTICATED"}.get(
            stage, "PERMISSION_DENIED"
        )


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("stage", ["authentication", "authorization"])
async def test_what_a_guard_in_shadow_would_have_refused_is_always_written(level, stage):
    records = await audited(level, guards=[Refusing(stage, shadow=True)])
    assert (records[0]["shadow"], records[0]["stage"]) == ("REFUSED", stage)
    assert records[0]["code"] == "OK"
    assert len(records) == (1 if level == "refusals" else 2)


@pytest.mark.parametrize("stage", ["validation", "rate_limit"])
async def test_other_refusals_are_written_only_where_calls_are(stage):
    assert await audited("refusals", guards=[Refusing(stage)]) == []
    assert await audited("refusals", guards=[Refusing(stage, shadow=True)]) == []
    (record,) = await audited("call", guards=[Refusing(stage)])
    assert record["stage"] == stage


@pytest.mark.parametrize(
    ("work", "code"),
    [
        (raising(UnauthenticatedError("SIGN_IN_FAILED", "no")), "UNAUTHENTICATED"),
        (raising(PermissionDeniedError("NOT_YOURS", "no")), "PERMISSION_DENIED"),
        (lambda call: call.abort(grpc.StatusCode.PERMISSION_DENIED), "PERMISSION_DENIED"),
    ],
    ids=["unauthenticated", "denied", "aborted"],
)
async def test_a_handlers_own_refusal_is_always_written(work, code):
    (record,) = await audited("refusals", work=work)
    assert (record["code"], record["stage"]) == (code, "handler")


async def test_a_code_that_a_handler_sets_is_written_too():
    async def work(call):
        call.set_code(grpc.StatusCode.PERMISSION_DENIED)

    (record,) = await audited("refusals", work=work)
    assert record["code"] == "PERMISSION_DENIED"


async def test_another_error_of_a_handler_is_no_refusal():
    assert await audited("refusals", work=raising(NotFoundError("x"))) == []
    (record,) = await audited("call", work=raising(NotFoundError("x")))
    assert (record["code"], record["reason"]) == ("NOT_FOUND", "RESOURCE_NOT_FOUND")


@pytest.mark.parametrize("refused", [False, True])
async def test_a_request_that_json_cannot_express_does_not_silence_the_record(refused):
    guards = [Refusing("authorization")] if refused else []
    request = Vault(secret_text="hunter2", duration=Duration(seconds=2**62))
    request.struct.update({"fields": "x"})
    (record,) = await audited("request", body_guards=guards, request=request)
    assert record["request"]["secret_text"] == "********"
    assert "hunter2" not in json.dumps(record)


async def test_a_request_that_was_not_parsed_is_not_in_the_record():
    (record,) = await audited("request", guards=[Refusing("authentication")])
    assert "request" not in record


async def test_the_pipeline_of_the_server_writes_who_and_from_where(written):
    policy = MethodPolicy(Permission("things.read"))
    metadata = (("authorization", f"Bearer {token(sid='s1')}"),)
    await serve(policy, factory(), metadata=metadata)
    assert written == [
        {
            "event": "audit",
            "log_level": "info",
            "method": "/tests.Service/Get",
            "principal": "users/alice",
            "session": "s1",
            "address": "10.0.0.1",
            "code": "PERMISSION_DENIED",
            "stage": "authorization",
            "reason": "PERMISSION_DENIED",
        }
    ]


@pytest.mark.parametrize("metadata", [(), (("authorization", "Bearer x.y.z"),)])
async def test_a_call_without_a_valid_token_is_written(written, metadata):
    await serve(MethodPolicy("authenticated"), factory(), metadata=metadata)
    (record,) = written
    assert (record["stage"], record["principal"]) == ("authentication", "")
    assert record["reason"].startswith("TOKEN_")
    assert "x.y.z" not in str(record)


@pytest.mark.parametrize("level", ["debug", "info", "critical"])
async def test_the_level_of_the_log_does_not_silence_the_audit_log(level):
    before, root = structlog.get_config(), logging.getLogger()
    handlers, root_level = root.handlers, root.level
    stream = io.BytesIO()
    threshold = configure_logging("json", "info", stream=stream)
    try:
        threshold.set(level)
        await serve(MethodPolicy("authenticated"), factory(), metadata=())
    finally:
        structlog.configure(**before)
        root.handlers = handlers
        root.setLevel(root_level)
    (line,) = [line for line in stream.getvalue().splitlines() if b"audit" in line]
    assert json.loads(line)["reason"] == "TOKEN_MISSING"


def test_of_a_request_that_would_fill_the_log_the_size_is_shown() -> None:
    request = cache_pb2.SetRequest(namespace="n", key="k", value=bytes(100_000))
    assert shown(request) == {"size_bytes": request.ByteSize()}
    request.value = b"v"
    assert shown(request)["key"] == "k"
