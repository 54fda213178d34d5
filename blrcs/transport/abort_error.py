"""What ``abort`` raises in handlers that are served as by grpc."""

import grpc.aio

from blrcs_native.calls.rejection import AbortError


class GrpcAbortError(AbortError, grpc.aio.AbortError):  # type: ignore[misc]
    """Is caught as grpc.aio's: interceptors let it pass where they report other exceptions."""
