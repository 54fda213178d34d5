"""What is stored of entries whose writes may have been carried out before."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import grpc

from blrcs.domain.field_path import Path, parse_path
from blrcs.domain.record_name import CollectionKey
from blrcs.transfer.call_error import CallError
from blrcs.transfer.entry import Entry
from blrcs.transfer.record_client import RecordClient

if TYPE_CHECKING:
    from google.protobuf.struct_pb2 import Struct

    from blrcs.v1 import record_pb2

MAX_NAMES = 100
"""Of BatchGetRecordsRequest."""


class StoredRecords:
    """Looks records up, and compares them with what was to be written.

    Args:
        client: Calls the server.
        collection: Where the records are.
    """

    def __init__(self, client: RecordClient, collection: CollectionKey) -> None:
        self._client = client
        self._collection = collection
        self._secret_fields: Sequence[str] | None = None

    def all_of(
        self, entries: Sequence[Entry], *, names_only: bool
    ) -> "Sequence[record_pb2.Record]":
        """The records of up to ``MAX_NAMES`` entries, or none where one of them is missing."""
        from blrcs.v1 import record_pb2  # noqa: PLC0415 - see the package

        request = record_pb2.BatchGetRecordsRequest(
            parent=self._collection.name,
            names=[self._collection.record(each.record_id).name for each in entries],
        )
        if names_only:
            request.read_mask.paths.append("name")
        try:
            return self._client.batch_get(request).records
        except CallError as error:
            if error.code is not grpc.StatusCode.NOT_FOUND:
                raise
            return []

    def is_same(self, entry: Entry, stored: "record_pb2.Record") -> bool:
        """Whether a record is what its entry says, as far as it is shown."""
        from google.protobuf.struct_pb2 import Struct  # noqa: PLC0415 - see the package

        if entry.expire_time and stored.expire_time.SerializeToString() != entry.expire_time:
            return False
        given = Struct.FromString(entry.data)
        if given == stored.data:
            return True
        for path in self._secrets():
            _drop(given, parse_path(path, field="secret_fields"))
        return bool(given == stored.data)

    def _secrets(self) -> Sequence[str]:
        """Which fields are never shown."""
        if self._secret_fields is None:
            self._secret_fields = tuple(
                self._client.collection(self._collection.name).secret_fields
            )
        return self._secret_fields


def _drop(data: "Struct", path: Path) -> None:
    *way, last = path
    for segment in way:
        if segment not in data.fields:
            return
        data = data.fields[segment].struct_value
    data.fields.pop(last, None)
