"""Requests that create records, which are read without a message for each part of a record."""

from collections.abc import Callable, Mapping
from typing import Any

from blrcs.api.record_service import RecordService
from blrcs.v1 import record_pb2, record_pb2_grpc
from blrcs_native.calls.checked_request import CheckedRequest
from blrcs_native.records.creations import batch_parent, creation_parent

Parse = Callable[[bytes], Any]


def add_record_service(service: RecordService, server: Any) -> None:
    """Has a server serve it, as generated code does but for how these requests are parsed."""
    record_pb2_grpc.add_RecordServiceServicer_to_server(service, _Reading(server))


class _Reading:
    """Stands in for a server while the servicer registers."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        read = {
            name: handler._replace(request_deserializer=PARSERS[name])
            for name, handler in handlers.items()
            if name in PARSERS
        }
        self._server.add_registered_method_handlers(service, {**handlers, **read})


def _checked(parent_in: Callable[[bytes], str | None], parse: Parse) -> Parse:
    def parsed(octets: bytes) -> Any:
        parent = parent_in(octets)
        return parse(octets) if parent is None else CheckedRequest(octets, parent, parse)

    return parsed


PARSERS: Mapping[str, Parse] = {
    "CreateRecord": _checked(creation_parent, record_pb2.CreateRecordRequest.FromString),
    "BatchWriteRecords": _checked(batch_parent, record_pb2.BatchWriteRecordsRequest.FromString),
}
