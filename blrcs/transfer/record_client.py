"""The calls that transfers make."""

import random
import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import grpc

from blrcs.domain.consistency import PRIMARY, TOKEN_KEY
from blrcs.transfer.call_error import CallError
from blrcs.transfer.errors import RefusedError, StoppedError, TransferError
from blrcs.transfer.tokens import Metadata, Tokens

if TYPE_CHECKING:
    from blrcs.v1 import record_pb2

BATCH_WRITE = "/blrcs.v1.RecordService/BatchWriteRecords"
CALL_TIMEOUT_S = 60.0
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 5.0
OPTIONS = [
    # The server is the one that bounds messages.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A server that comes back is found within a call's own waits.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
]
"""Of a channel."""

NEWEST = ((TOKEN_KEY, PRIMARY),)
"""What is compared with what was written must not be older than that."""
Code = grpc.StatusCode
TRANSIENT = frozenset(
    {Code.UNAVAILABLE, Code.UNKNOWN, Code.DEADLINE_EXCEEDED, Code.ABORTED, Code.CANCELLED}
)
"""After these the same call may succeed, and what it asked for may have been done."""


class RecordClient:
    """Calls a server; a call that fails for now is made again for some time.

    It may be used by several threads.

    Args:
        channel: To the server.
        tokens: What it shows.
        patience_s: How long a call is made again and again.
        stopping: Set by somebody who wants the end.
        clock_s: Monotonic.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        tokens: Tokens,
        *,
        patience_s: float,
        stopping: threading.Event,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._channel = channel
        # Requests come encoded, and replies are not looked at.
        self._batch_write = channel.unary_unary(BATCH_WRITE)
        self._tokens = tokens
        self._patience_s = patience_s
        self._stopping = stopping
        self._clock_s = clock_s

    def batch_write(self, request: bytes) -> None:
        """Makes the writes of an encoded BatchWriteRecordsRequest: all, or none and CallError."""
        self._call(self._batch_write, request)

    def batch_get(
        self, request: "record_pb2.BatchGetRecordsRequest"
    ) -> "record_pb2.BatchGetRecordsResponse":
        """Gets records; CallError where one is missing."""
        found: record_pb2.BatchGetRecordsResponse = self._call(self._stub.BatchGetRecords, request)
        return found

    def list(self, request: "record_pb2.ListRecordsRequest") -> "record_pb2.ListRecordsResponse":
        """Gets a page."""
        found: record_pb2.ListRecordsResponse = self._call(self._stub.ListRecords, request)
        return found

    def count(self, request: "record_pb2.CountRecordsRequest") -> int:
        """Counts what a list would have."""
        return int(self._call(self._stub.CountRecords, request).count)

    def collection(self, name: str) -> "record_pb2.Collection":
        """Gets a collection."""
        from blrcs.v1 import record_pb2  # noqa: PLC0415 - see the package

        request = record_pb2.GetCollectionRequest(name=name)
        found: record_pb2.Collection = self._call(self._stub.GetCollection, request)
        return found

    @cached_property
    def _stub(self) -> Any:
        from blrcs.v1 import record_pb2_grpc  # noqa: PLC0415 - see the package

        return record_pb2_grpc.RecordServiceStub(self._channel)

    def _call(self, method: Callable[..., Any], request: Any) -> Any:
        begun_s = self._clock_s()
        wait_s = FIRST_WAIT_S
        is_doubtful = False
        while True:
            metadata = self._tokens.metadata
            try:
                return method(request, metadata=metadata + NEWEST, timeout=CALL_TIMEOUT_S)
            except grpc.RpcError as raised:
                error = CallError(raised, is_doubtful=is_doubtful)
            if error.code is Code.UNAUTHENTICATED:
                self._renew(metadata, is_doubtful=is_doubtful)
                continue
            if error.code not in TRANSIENT and error.retry_after_s is None:
                raise error
            if self._clock_s() - begun_s > self._patience_s:
                raise TransferError(f"the server fails for {self._patience_s:g} s: {error}")
            # A call that found its limit has done nothing.
            is_doubtful = is_doubtful or error.code in TRANSIENT
            pause_s = error.retry_after_s or wait_s * random.uniform(0.5, 1)  # noqa: S311 - no secret
            if self._stopping.wait(pause_s):
                raise StoppedError
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _renew(self, refused: Metadata, *, is_doubtful: bool) -> None:
        try:
            self._tokens.replace(refused)
        except RefusedError as error:
            if is_doubtful:
                raise TransferError(str(error)) from None
            raise
