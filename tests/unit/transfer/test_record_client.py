import threading

import grpc
import pytest
from google.rpc import error_details_pb2

from blrcs.transfer.call_error import CallError
from blrcs.transfer.errors import StoppedError, TransferError
from blrcs.transfer.record_client import RecordClient
from blrcs.transfer.tokens import Tokens
from tests.unit.transfer.server import Code, RpcError, refusal


class Channel:
    """Answers every call with the next of ``answers``, an error or a reply."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.tokens = []

    def unary_unary(self, *_, **__):
        return self._call

    def unary_stream(self, *_, **__):
        return None

    def _call(self, request, *, metadata, timeout):
        self.tokens.append(dict(metadata)["authorization"])
        answer = self.answers.pop(0)
        if isinstance(answer, grpc.RpcError):
            raise answer
        return answer


class Stopping(threading.Event):
    """Waits no time, and remembers how long it was to."""

    def __init__(self):
        super().__init__()
        self.waits = []

    def wait(self, timeout=None):
        self.waits.append(timeout)
        return self.is_set()


def client(channel, *, tokens=None, stopping=None, patience_s=10.0):
    stopping = stopping or Stopping()
    return RecordClient(
        channel,
        tokens or Tokens("one", lambda: "two"),
        patience_s=patience_s,
        stopping=stopping,
        clock_s=lambda: sum(stopping.waits),
    )


def test_what_fails_for_now_is_tried_again_and_then_doubtful():
    channel = Channel(RpcError(Code.UNAVAILABLE), refusal(Code.ALREADY_EXISTS, 3))
    with pytest.raises(CallError) as caught:
        client(channel).batch_write(b"")
    assert (caught.value.position, caught.value.is_doubtful) == (3, True)
    assert caught.value.message == "no"
    with pytest.raises(CallError) as caught:
        client(Channel(refusal(Code.ALREADY_EXISTS, 3))).batch_write(b"")
    assert not caught.value.is_doubtful


def test_a_limit_says_when_to_call_again_and_nothing_was_done():
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(1500)
    stopping = Stopping()
    channel = Channel(
        RpcError(Code.RESOURCE_EXHAUSTED, "slow", retry), refusal(Code.ALREADY_EXISTS, 0)
    )
    with pytest.raises(CallError) as caught:
        client(channel, stopping=stopping).batch_write(b"")
    assert stopping.waits == [1.5]
    assert not caught.value.is_doubtful


def test_waits_grow_and_end():
    stopping = Stopping()
    channel = Channel(*[RpcError(Code.UNAVAILABLE, "gone")] * 100)
    with pytest.raises(TransferError, match=r"for 60 s: UNAVAILABLE: gone"):
        client(channel, stopping=stopping, patience_s=60).batch_write(b"")
    assert 60 < sum(stopping.waits) < 70
    assert stopping.waits[0] <= 0.1
    assert max(stopping.waits) <= 5
    stopping.set()
    with pytest.raises(StoppedError):
        client(Channel(RpcError(Code.UNAVAILABLE)), stopping=stopping).batch_write(b"")


def test_a_token_that_is_refused_is_renewed_once():
    refused = RpcError(Code.UNAUTHENTICATED)
    channel = Channel(refused, b"", refused, refused)
    calls = client(channel)
    calls.batch_write(b"")
    assert channel.tokens == ["Bearer one", "Bearer two"]
    with pytest.raises(TransferError, match="token"):
        calls.batch_write(b"")


def test_a_token_that_another_thread_has_renewed_is_taken():
    renewed = []
    tokens = Tokens("one", lambda: renewed.append(1) or "two")
    before = tokens.metadata
    tokens.replace(before)
    tokens.replace(before)
    assert renewed == [1]
    assert tokens.metadata == (("authorization", "Bearer two"),)


def test_the_position_of_what_no_service_has_seen_is_in_the_fields_path():
    violation = error_details_pb2.BadRequest.FieldViolation(field="writes[7].create.record_id")
    bad = error_details_pb2.BadRequest(field_violations=[violation])
    error = CallError(
        RpcError(Code.INVALID_ARGUMENT, "writes[7].create.record_id: does not match", bad),
        is_doubtful=False,
    )
    assert error.position == 7
    assert error.message == "create.record_id: does not match"
    assert CallError(RpcError(Code.INTERNAL), is_doubtful=False).position is None
