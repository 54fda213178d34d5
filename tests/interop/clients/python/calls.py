"""What the cases have in common: requests of given sizes, and checks of what comes back."""

import queue
from collections.abc import Callable, Iterator

import grpc
import testservice_pb2 as pb

TIMEOUT_S = 60
REQUEST_SIZES = (27182, 8, 1828, 45904)
REPLY_SIZES = (31415, 9, 2653, 58979)
LARGE_REQUEST_SIZE = 271828
LARGE_REPLY_SIZE = 314159


def payload(size: int) -> pb.Payload:
    return pb.Payload(body=bytes(size))


def large_request(**fields: object) -> pb.SimpleRequest:
    return pb.SimpleRequest(
        response_size=LARGE_REPLY_SIZE, payload=payload(LARGE_REQUEST_SIZE), **fields
    )


def output_request(reply_size: int, request_size: int, interval_us: int = 0) -> object:
    return pb.StreamingOutputCallRequest(
        response_parameters=[pb.ResponseParameters(size=reply_size, interval_us=interval_us)],
        payload=payload(request_size),
    )


def check_large(reply: pb.SimpleResponse) -> None:
    assert reply.payload.body == bytes(LARGE_REPLY_SIZE), len(reply.payload.body)


def check_status(call: Callable[[], object], code: grpc.StatusCode, details: str = "") -> None:
    """The call ends with the status, and with the details if they are given."""
    try:
        ended = f"a reply: {call()!r:.100}"
    except grpc.RpcError as error:
        ended = error
    assert isinstance(ended, grpc.RpcError), ended
    assert ended.code() is code, ended
    assert not details or ended.details() == details, ended


class Requests:
    """A stream of requests that are sent when the test says so."""

    def __init__(self) -> None:
        self._queue = queue.SimpleQueue()

    def __iter__(self) -> Iterator[object]:
        return iter(self._queue.get, None)

    def send(self, request: object) -> None:
        self._queue.put(request)

    def end(self) -> None:
        self._queue.put(None)
