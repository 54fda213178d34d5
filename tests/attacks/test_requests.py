"""Requests that are none of gRPC: other methods, smuggled lengths, HTTP/1.1, and far too much."""

import socket

import grpc
import pytest

from blrcs.v1 import access_pb2, record_pb2
from tests.attacks.raw_client import GREETING, answers
from tests.attacks.world import ATTACKER, World, collection
from tests.e2e.workers import TIMEOUT_S
from tests.unit.native.http2 import frames

JWKS = b"/blrcs.v1.AuthService/GetJwks"
INVALID = grpc.StatusCode.INVALID_ARGUMENT
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
BODY = frames.data(1, frames.message(b""), end=True)
MIB = 1 << 20
KEY_TYPE = b"OKP"  # as each reply of GetJwks has it


def head(fields: list[frames.Field], flags: int = frames.END_HEADERS) -> bytes:
    return frames.frame(frames.HEADERS, flags, 1, frames.block(fields))


def request(*more: frames.Field, method: bytes = b"POST", path: bytes = JWKS) -> bytes:
    return head(frames.request_fields(path, *more, method=method)) + BODY


def port(world: World) -> int:
    return int(world.server.address.rpartition(":")[2])


def statuses(world: World, sent: bytes) -> list[str]:
    """How the calls of a connection have ended."""
    found = answers(port(world), GREETING + sent)
    return [each.fields["grpc-status"] for each in found if "grpc-status" in each.fields]


def is_answered(world: World, sent: bytes) -> bool:
    """Whether a handler has run, and succeeded."""
    return "0" in statuses(world, sent)


def doubled(name: bytes, value: bytes) -> bytes:
    """A head in which a pseudo-field stands twice."""
    fields = frames.request_fields(JWKS)
    return head([(name, value), *fields]) + BODY


def test_what_is_spoilt_below_is_answered_unspoilt(attacked: World) -> None:
    assert is_answered(attacked, request())
    assert is_answered(attacked, request((b"content-length", b"5")))


@pytest.mark.parametrize(
    "method", [b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE", b"CONNECT", b"post", b""]
)
def test_no_other_method_is_served(attacked: World, method: bytes) -> None:
    assert not is_answered(attacked, request(method=method))


LOOSE = {
    "shorter": request((b"content-length", b"4")),
    "longer": request((b"content-length", b"6")),
    "two lengths": request((b"content-length", b"5"), (b"content-length", b"6")),
    "negative": request((b"content-length", b"-5")),
    "hexadecimal": request((b"content-length", b"0x5")),
    "chunked": request((b"transfer-encoding", b"chunked")),
    "connection": request((b"connection", b"close")),
    "upgrade": request((b"upgrade", b"h2c")),
    "a path behind": request((b":path", b"/other")),
    "a status": request((b":status", b"200")),
    "two methods": doubled(b":method", b"POST"),
    "two paths": doubled(b":path", b"/blrcs.v1.UserService/ListUsers"),
}
"""What grpcio's library passes over: there it can make one call of one method, and no other."""


@pytest.mark.parametrize("sent", LOOSE.values(), ids=LOOSE)
def test_nothing_is_smuggled_behind_a_length_or_a_second_path(attacked: World, sent: bytes) -> None:
    if attacked.transport == "native":
        assert not is_answered(attacked, sent)
        assert is_answered(attacked, request())
        return
    found = answers(
        port(attacked),
        GREETING + sent + frames.call(3, JWKS, b""),
        until=lambda each: each.ends_stream and each.stream == 3,
    )
    replies = [each for each in found if each.kind == frames.DATA and each.payload]
    assert [each.stream for each in replies if each.stream != 1] == [3]
    assert [each.stream for each in replies].count(1) <= 1
    assert len({each.payload for each in replies}) == 1, "another method has answered"


STRICT = {
    "a line break": request((b"x\r\ny", b"z")),
    "upper case": request((b"X-Upper", b"z")),
    "no name": request((b"", b"z")),
    "a query": request(path=JWKS + b"?x"),
    "a slash behind": request(path=JWKS + b"/"),
    "a slash before": request(path=b"/" + JWKS),
    "a host": request(path=b"http://other" + JWKS),
    "lower case": request(path=JWKS.lower()),
    "a star": request(path=b"*"),
    "no path": request(path=b""),
}


@pytest.mark.parametrize("sent", STRICT.values(), ids=STRICT)
def test_a_method_has_one_path_and_a_field_a_good_name(attacked: World, sent: bytes) -> None:
    assert not is_answered(attacked, sent)
    assert is_answered(attacked, request())


@pytest.mark.parametrize(
    "sent",
    [
        b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n\0\0\0\0\0" % JWKS,
        b"GET / HTTP/1.1\r\nhost: x\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n" + GREETING,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\n\n" + frames.settings() + request(),
        b"\0" * 64 + GREETING + request(),
    ],
    ids=["post", "upgrade", "preface", "before"],
)
def test_what_does_not_begin_as_http_2_is_not_served(attacked: World, sent: bytes) -> None:
    served = answers(port(attacked), GREETING + request())
    assert any(KEY_TYPE in each.payload for each in served), "it would be seen"
    with socket.create_connection(("127.0.0.1", port(attacked)), TIMEOUT_S) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        received = b""
        try:
            while more := client.recv(65_536):
                received += more
        except ConnectionError:
            pass
    assert KEY_TYPE not in received


@pytest.mark.parametrize("declared", [4 * MIB + 1, 2**31, 2**32 - 1])
def test_a_message_that_is_too_large_is_refused_by_its_first_octets(
    attacked: World, declared: int
) -> None:
    """Nobody waits for the rest of it, and no memory is set aside."""
    sent = head(frames.request_fields(JWKS))
    sent += frames.data(1, b"\0" + declared.to_bytes(4, "big") + b"x" * 16)
    found = answers(port(attacked), GREETING + sent)
    assert {each.fields["grpc-status"] for each in found if "grpc-status" in each.fields} <= {
        str(EXHAUSTED.value[0])
    }
    assert any("grpc-status" in each.fields or each.kind == frames.RST_STREAM for each in found), (
        found
    )


def test_pages_batches_and_lists_have_bounds(unharmed: World) -> None:
    parent = collection(ATTACKER)
    write = record_pb2.RecordWrite(delete={"name": f"{parent}/records/x"})
    calls = {
        "/blrcs.v1.RecordService/ListRecords": [
            record_pb2.ListRecordsRequest(parent=parent, page_size=1001),
            record_pb2.ListRecordsRequest(parent=parent, page_size=-1),
            record_pb2.ListRecordsRequest(parent=parent, page_size=2**31 - 1),
        ],
        "/blrcs.v1.RecordService/BatchWriteRecords": [
            record_pb2.BatchWriteRecordsRequest(parent=parent, writes=[write] * 1001)
        ],
        "/blrcs.v1.RecordService/BatchGetRecords": [
            record_pb2.BatchGetRecordsRequest(parent=parent, names=[f"{parent}/records/x"] * 1001)
        ],
        "/blrcs.v1.AccessService/BatchCheck": [
            access_pb2.BatchCheckRequest(
                principal=f"users/{ATTACKER}", queries=[{"permission": "a.b"}] * 1001
            )
        ],
    }
    for method, requests in calls.items():
        for each in requests:
            assert unharmed.call(method, each.SerializeToString(), unharmed.mallory)[0] is INVALID
    large = record_pb2.CreateRecordRequest(parent=parent, record_id="large")
    large.record.data.update({"text": "x" * 5 * MIB})
    found = unharmed.call(
        "/blrcs.v1.RecordService/CreateRecord", large.SerializeToString(), unharmed.mallory
    )
    assert found[0] is EXHAUSTED
