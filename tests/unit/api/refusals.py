"""What a call was refused with, as a client sees it."""

import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc.aio import AioRpcError


async def refusal(call):
    """The canonical code's name and the reason that a call ends with."""
    with pytest.raises(AioRpcError) as caught:
        await call
    return code_and_reason(caught.value)


def code_and_reason(error):
    status = status_pb2.Status()
    for name, value in error.trailing_metadata():
        if name == "grpc-status-details-bin":
            status.MergeFromString(value)
    info = error_details_pb2.ErrorInfo()
    if status.details:
        status.details[0].Unpack(info)
    return error.code().name, info.reason
