"""What an error of a call says beyond its code: the google.rpc details."""

from dataclasses import dataclass

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status


@dataclass(frozen=True)
class Refusal:
    """A call's error, read.

    Attributes:
        code: The canonical code's name.
        reason: The ErrorInfo's constant for programs; empty if the error has none.
        retry_after_s: When to try again, by RetryInfo; None if the error does not say.
    """

    code: str
    reason: str
    message: str
    retry_after_s: float | None

    def __str__(self) -> str:
        wait = "" if self.retry_after_s is None else f", retry after {self.retry_after_s:.3f} s"
        return f"{self.code} {self.reason}: {self.message}{wait}"


def read_refusal(error: grpc.RpcError) -> Refusal:
    reason, retry_after_s = "", None
    # None where the error was not made by the server, such as a connection that failed.
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(retry):
            retry_after_s = retry.retry_delay.ToTimedelta().total_seconds()
    return Refusal(error.code().name, reason, error.details(), retry_after_s)
