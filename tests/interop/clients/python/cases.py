"""The interop cases on grpcio."""

from collections.abc import Callable

import grpc
import testservice_pb2 as pb
import testservice_pb2_grpc as stubs
from calls import (
    LARGE_REPLY_SIZE,
    LARGE_REQUEST_SIZE,
    REPLY_SIZES,
    REQUEST_SIZES,
    TIMEOUT_S,
    Requests,
    check_large,
    check_status,
    large_request,
    output_request,
    payload,
)

CONCURRENT_CALLS = 1000
SOAK_CALLS = 100
SOAK_CHANNELS = 20
INITIAL = "x-grpc-test-echo-initial"
TRAILING = "x-grpc-test-echo-trailing-bin"
ECHOED = ((INITIAL, "test_initial_metadata_value"), (TRAILING, b"\xab\xab\xab"))
SPECIAL_MESSAGE = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"

Open = Callable[[], grpc.Channel]


class Cases:
    """Each method is a case."""

    def __init__(self, stub: stubs.TestServiceStub, channel: grpc.Channel, new: Open) -> None:
        self._stub = stub
        self._channel = channel
        self._open = new

    def empty_unary(self) -> None:
        assert self._stub.EmptyCall(pb.Empty(), timeout=TIMEOUT_S) == pb.Empty()

    def large_unary(self) -> None:
        check_large(self._stub.UnaryCall(large_request(), timeout=TIMEOUT_S))

    def client_streaming(self) -> None:
        requests = [pb.StreamingInputCallRequest(payload=payload(size)) for size in REQUEST_SIZES]
        reply = self._stub.StreamingInputCall(iter(requests), timeout=TIMEOUT_S)
        assert reply.aggregated_payload_size == sum(REQUEST_SIZES)

    def server_streaming(self) -> None:
        request = pb.StreamingOutputCallRequest(
            response_parameters=[pb.ResponseParameters(size=size) for size in REPLY_SIZES]
        )
        replies = self._stub.StreamingOutputCall(request, timeout=TIMEOUT_S)
        assert [reply.payload.body for reply in replies] == [bytes(size) for size in REPLY_SIZES]

    def ping_pong(self) -> None:
        requests = Requests()
        replies = self._stub.FullDuplexCall(iter(requests), timeout=TIMEOUT_S)
        for reply_size, request_size in zip(REPLY_SIZES, REQUEST_SIZES, strict=True):
            requests.send(output_request(reply_size, request_size))
            assert next(replies).payload.body == bytes(reply_size)
        requests.end()
        assert list(replies) == []

    def empty_stream(self) -> None:
        assert list(self._stub.FullDuplexCall(iter(()), timeout=TIMEOUT_S)) == []

    def custom_metadata(self) -> None:
        reply, call = self._stub.UnaryCall.with_call(
            large_request(), timeout=TIMEOUT_S, metadata=ECHOED
        )
        check_large(reply)
        stream = self._stub.FullDuplexCall(
            iter([output_request(LARGE_REPLY_SIZE, LARGE_REQUEST_SIZE)]),
            timeout=TIMEOUT_S,
            metadata=ECHOED,
        )
        assert len(list(stream)) == 1
        for each in (call, stream):
            assert ECHOED[0] in [tuple(pair) for pair in each.initial_metadata()]
            assert ECHOED[1] in [tuple(pair) for pair in each.trailing_metadata()]

    def status_code_and_message(self) -> None:
        status = pb.EchoStatus(code=2, message="test status message")
        unary, stream = pb.SimpleRequest, pb.StreamingOutputCallRequest
        for call in (
            lambda: self._stub.UnaryCall(unary(response_status=status), timeout=TIMEOUT_S),
            lambda: list(
                self._stub.FullDuplexCall(iter([stream(response_status=status)]), timeout=TIMEOUT_S)
            ),
        ):
            check_status(call, grpc.StatusCode.UNKNOWN, status.message)

    def special_status_message(self) -> None:
        status = pb.EchoStatus(code=2, message=SPECIAL_MESSAGE)
        request = pb.SimpleRequest(response_status=status)
        check_status(
            lambda: self._stub.UnaryCall(request, timeout=TIMEOUT_S),
            grpc.StatusCode.UNKNOWN,
            SPECIAL_MESSAGE,
        )

    def unimplemented_method(self) -> None:
        check_status(
            lambda: self._stub.UnimplementedCall(pb.Empty(), timeout=TIMEOUT_S),
            grpc.StatusCode.UNIMPLEMENTED,
        )

    def unimplemented_service(self) -> None:
        stub = stubs.UnimplementedServiceStub(self._channel)
        check_status(
            lambda: stub.UnimplementedCall(pb.Empty(), timeout=TIMEOUT_S),
            grpc.StatusCode.UNIMPLEMENTED,
        )

    def cancel_after_begin(self) -> None:
        requests = Requests()
        call = self._stub.StreamingInputCall.future(iter(requests), timeout=TIMEOUT_S)
        call.cancel()
        requests.end()
        assert call.cancelled()
        assert call.code() is grpc.StatusCode.CANCELLED

    def cancel_after_first_response(self) -> None:
        requests = Requests()
        replies = self._stub.FullDuplexCall(iter(requests), timeout=TIMEOUT_S)
        requests.send(output_request(REPLY_SIZES[0], REQUEST_SIZES[0]))
        assert next(replies).payload.body == bytes(REPLY_SIZES[0])
        replies.cancel()
        check_status(lambda: next(replies), grpc.StatusCode.CANCELLED)
        requests.end()

    def timeout_on_sleeping_server(self) -> None:
        requests = Requests()
        requests.send(pb.StreamingOutputCallRequest(payload=payload(REQUEST_SIZES[0])))
        replies = self._stub.FullDuplexCall(iter(requests), timeout=0.001)
        check_status(lambda: next(replies), grpc.StatusCode.DEADLINE_EXCEEDED)
        requests.end()

    def rpc_soak(self) -> None:
        for _ in range(SOAK_CALLS):
            self.large_unary()

    def channel_soak(self) -> None:
        for _ in range(SOAK_CHANNELS):
            with self._open() as channel:
                stub = stubs.TestServiceStub(channel)
                check_large(stub.UnaryCall(large_request(), timeout=TIMEOUT_S))

    def thousand_concurrent_large_unary(self) -> None:
        call = self._stub.UnaryCall
        for future in [
            call.future(large_request(), timeout=TIMEOUT_S) for _ in range(CONCURRENT_CALLS)
        ]:
            check_large(future.result())

    def client_compressed_unary(self) -> None:
        expected = pb.BoolValue(value=True)
        check_status(
            lambda: self._stub.UnaryCall(
                large_request(expect_compressed=expected), timeout=TIMEOUT_S
            ),
            grpc.StatusCode.INVALID_ARGUMENT,
        )
        for compressed in (True, False):
            request = large_request(expect_compressed=pb.BoolValue(value=compressed))
            algorithm = grpc.Compression.Gzip if compressed else grpc.Compression.NoCompression
            check_large(self._stub.UnaryCall(request, timeout=TIMEOUT_S, compression=algorithm))

    def server_compressed_unary(self) -> None:
        for compressed in (True, False):
            request = large_request(response_compressed=pb.BoolValue(value=compressed))
            check_large(self._stub.UnaryCall(request, timeout=TIMEOUT_S))

    def server_compressed_streaming(self) -> None:
        sizes = (31415, 92653)
        request = pb.StreamingOutputCallRequest(
            response_parameters=[
                pb.ResponseParameters(size=size, compressed=pb.BoolValue(value=index == 0))
                for index, size in enumerate(sizes)
            ]
        )
        replies = self._stub.StreamingOutputCall(request, timeout=TIMEOUT_S)
        assert [reply.payload.body for reply in replies] == [bytes(size) for size in sizes]
