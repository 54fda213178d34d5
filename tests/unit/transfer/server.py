"""A server's record service, in memory, as transfers see it."""

import grpc
from google.rpc import error_details_pb2, status_pb2

from blrcs.transfer.call_error import CallError
from blrcs.v1 import record_pb2

Code = grpc.StatusCode


class RpcError(grpc.RpcError):
    """What a stub raises."""

    def __init__(self, code, text="", *details):
        self._code = code
        self._text = text
        status = status_pb2.Status(code=code.value[0])
        for detail in details:
            status.details.add().Pack(detail)
        self._trailers = [("grpc-status-details-bin", status.SerializeToString())]

    def code(self):
        return self._code

    def details(self):
        return self._text

    def trailing_metadata(self):
        return self._trailers


def refusal(code, position, text="no"):
    info = error_details_pb2.ErrorInfo(reason="X", metadata={"write": str(position)})
    return RpcError(code, f"writes[{position}]: {text}", info)


class MemoryServer:
    """Stands in for a RecordClient.

    ``bad`` are ids that are refused for what they are; ``most`` is how many writes a call may have.
    ``calls`` has the size of each batch that was sent.
    """

    def __init__(self, stored=None, *, bad=(), most=1000):
        self.stored = {} if stored is None else stored
        self.bad = frozenset(bad)
        self.most = most
        self.calls = []
        self.gets = 0
        self.secret_fields = ()
        self.is_doubtful = False

    def batch_write(self, encoded):
        request = record_pb2.BatchWriteRecordsRequest.FromString(encoded)
        # Nothing is made of the records that it would return.
        assert request.read_mask.paths == ["name"]
        self.calls.append(len(request.writes))
        try:
            self._write(request)
        except grpc.RpcError as error:
            raise CallError(error, is_doubtful=self.is_doubtful) from None

    def _write(self, request):
        if len(request.writes) > self.most:
            raise RpcError(Code.RESOURCE_EXHAUSTED, "too large")
        made = {}
        for position, write in enumerate(request.writes):
            is_new = write.WhichOneof("operation") == "create"
            record = write.create.record if is_new else write.update.record
            name = record.name or f"{write.create.parent}/records/{write.create.record_id}"
            if name.rpartition("/")[2] in self.bad:
                raise refusal(Code.INVALID_ARGUMENT, position, "bad")
            if is_new and name in self.stored:
                raise refusal(Code.ALREADY_EXISTS, position)
            assert name not in made
            made[name] = record_pb2.Record(
                name=name, data=record.data, expire_time=record.expire_time
            )
            if not record.HasField("expire_time"):
                made[name].ClearField("expire_time")
        self.stored |= made

    def batch_get(self, request):
        self.gets += 1
        if missing := [name for name in request.names if name not in self.stored]:
            raise CallError(RpcError(Code.NOT_FOUND, missing[0]), is_doubtful=False)
        return record_pb2.BatchGetRecordsResponse(
            records=[self.stored[name] for name in request.names]
        )

    def collection(self, name):
        return record_pb2.Collection(name=name, secret_fields=self.secret_fields)
