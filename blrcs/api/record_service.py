"""RecordService: JSON documents in collections."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing

from google.protobuf.empty_pb2 import Empty

from blrcs.api.record_mask import ReadMask
from blrcs.api.record_messages import (
    collection_fields,
    collection_message,
    encoded_record,
    record_fields,
    record_message,
)
from blrcs.api.record_use_cases import CollectionUseCases, RecordUseCases
from blrcs.api.record_writes import operation_of, require_within
from blrcs.api.stored_messages import (
    StoredBatchGetRecordsResponse,
    StoredBatchWriteRecordsResponse,
    StoredListRecordsResponse,
    StoredWatchRecordsResponse,
)
from blrcs.api.times import to_timestamp
from blrcs.application.collections.update_collection import JUDGE_SECRETS
from blrcs.application.page import PageRequest
from blrcs.application.records.batch_write_records import RecordCreation
from blrcs.application.records.create_plain_records import CreatePlainRecords, PlainDocuments
from blrcs.application.records.plain_creations import PlainCreations
from blrcs.application.records.watch_records import RecordEvent
from blrcs.domain.errors import PermissionDeniedError
from blrcs.domain.filter.document import MAX_DEPTH
from blrcs.domain.record import ChangeKind, RecordImage
from blrcs.domain.record_name import CollectionKey, collection_key_in, record_key_in, tenant_in
from blrcs.v1 import record_pb2, record_pb2_grpc
from blrcs_native.calls.call import Call
from blrcs_native.calls.checked_request import CheckedRequest
from blrcs_native.encoding.protobuf_wire import write_bytes, write_message
from blrcs_native.records.creations import read_creation_request, read_creations
from blrcs_native.records.wire import write_results

BATCH_WRITE = "blrcs.records.batchWrite"
CREATE = "blrcs.records.create"
GET = "blrcs.records.get"
EVENT_TYPES = {
    ChangeKind.CREATED: record_pb2.RECORD_EVENT_TYPE_CREATED,
    ChangeKind.UPDATED: record_pb2.RECORD_EVENT_TYPE_UPDATED,
    ChangeKind.DELETED: record_pb2.RECORD_EVENT_TYPE_DELETED,
    ChangeKind.EXPIRED: record_pb2.RECORD_EVENT_TYPE_EXPIRED,
}

RECORD_NAME = record_pb2.Record.NAME_FIELD_NUMBER
RESULT_RECORD = record_pb2.RecordWriteResult.RECORD_FIELD_NUMBER

MayDo = Callable[[Call, str, str], bool]
"""Whether who calls holds a permission on a resource."""


class RecordService(record_pb2_grpc.RecordServiceServicer):
    """Serves blrcs.v1.RecordService; the contract of each method stands in record.proto.

    Args:
        collections: Use cases.
        records: Use cases.
        may: Decides where a method needs a second permission.
    """

    def __init__(
        self, *, collections: CollectionUseCases, records: RecordUseCases, may: MayDo
    ) -> None:
        self._collections = collections
        self._records = records
        self._get_record = records.get_record
        self._may = may

    async def CreateCollection(  # noqa: D102
        self, request: record_pb2.CreateCollectionRequest, _: Call
    ) -> record_pb2.Collection:
        parent = f"{request.parent}/collections/{request.collection_id}"
        collection = await self._collections.create_collection(
            collection_key_in(parent, field="collection_id"), collection_fields(request.collection)
        )
        return collection_message(collection)

    async def GetCollection(  # noqa: D102
        self, request: record_pb2.GetCollectionRequest, _: Call
    ) -> record_pb2.Collection:
        return collection_message(
            await self._collections.get_collection(collection_key_in(request.name))
        )

    async def ListCollections(  # noqa: D102
        self, request: record_pb2.ListCollectionsRequest, _: Call
    ) -> record_pb2.ListCollectionsResponse:
        page = await self._collections.list_collections(
            tenant_in(request.parent), PageRequest(request.page_size, request.page_token)
        )
        return record_pb2.ListCollectionsResponse(
            collections=map(collection_message, page.items), next_page_token=page.next_page_token
        )

    async def UpdateCollection(  # noqa: D102
        self, request: record_pb2.UpdateCollectionRequest, call: Call
    ) -> record_pb2.Collection:
        key = collection_key_in(request.collection.name, field="collection.name")
        collection = await self._collections.update_collection(
            key,
            collection_fields(request.collection),
            mask=request.update_mask.paths,
            etag=request.collection.etag,
            may_judge_secrets=self._may(call, JUDGE_SECRETS, key.name),
        )
        return collection_message(collection)

    async def DeleteCollection(  # noqa: D102
        self, request: record_pb2.DeleteCollectionRequest, _: Call
    ) -> Empty:
        await self._collections.delete_collection(
            collection_key_in(request.name), etag=request.etag, force=request.force
        )
        return Empty()

    async def CreateRecord(  # noqa: D102
        self, request: record_pb2.CreateRecordRequest | CheckedRequest, _: Call
    ) -> record_pb2.Record:
        parent = collection_key_in(request.parent, field="parent")
        if type(request) is CheckedRequest:
            create_plain = self._records.create_plain_record
            if create_plain is not None and (
                create_plain.suits(parent) or await _learns(create_plain, parent)
            ):
                read = read_creation_request(request.octets, MAX_DEPTH)
                encoded = None if read is None else await create_plain(parent, *read)
                if encoded is not None:
                    return record_message(encoded)
            request = request.message
        record = await self._records.create_record(
            parent, request.record_id, record_fields(request.record)
        )
        return await self._shown(record.image)

    async def GetRecord(  # noqa: D102
        self, request: record_pb2.GetRecordRequest, _: Call
    ) -> record_pb2.Record:
        image = await self._get_record(record_key_in(request.name))
        if image.sealed is None and not request.HasField("read_mask"):
            return record_message(image.encoded)
        return await self._shown(image, ReadMask.parse(request.read_mask.paths))

    async def ListRecords(  # noqa: D102
        self, request: record_pb2.ListRecordsRequest, _: Call
    ) -> record_pb2.ListRecordsResponse:
        mask = ReadMask.parse(request.read_mask.paths)
        page = await self._records.list_records(
            collection_key_in(request.parent, field="parent"),
            PageRequest(request.page_size, request.page_token),
            filter_=request.filter,
            order_by=request.order_by,
        )
        response: record_pb2.ListRecordsResponse = StoredListRecordsResponse(
            records=[await self._encoded(image, mask) for image in page.items],
            next_page_token=page.next_page_token,
        )
        return response

    async def CountRecords(  # noqa: D102
        self, request: record_pb2.CountRecordsRequest, _: Call
    ) -> record_pb2.CountRecordsResponse:
        count = await self._records.count_records(
            collection_key_in(request.parent, field="parent"), filter_=request.filter
        )
        return record_pb2.CountRecordsResponse(count=count)

    async def UpdateRecord(  # noqa: D102
        self, request: record_pb2.UpdateRecordRequest, call: Call
    ) -> record_pb2.Record:
        key = record_key_in(request.record.name, field="record.name")
        if request.allow_missing and not self._may(call, CREATE, key.parent.name):
            raise _denied(CREATE)
        record = await self._records.update_record(
            key,
            record_fields(request.record),
            mask=request.update_mask.paths,
            etag=request.record.etag,
            allow_missing=request.allow_missing,
        )
        return await self._shown(record.image)

    async def DeleteRecord(  # noqa: D102
        self, request: record_pb2.DeleteRecordRequest, _: Call
    ) -> Empty:
        await self._records.delete_record(
            record_key_in(request.name), etag=request.etag, allow_missing=request.allow_missing
        )
        return Empty()

    async def BatchGetRecords(  # noqa: D102
        self, request: record_pb2.BatchGetRecordsRequest, call: Call
    ) -> record_pb2.BatchGetRecordsResponse:
        parent = collection_key_in(request.parent, field="parent")
        mask = ReadMask.parse(request.read_mask.paths)
        ids = [
            require_within(parent, name, field=f"names[{position}]")
            for position, name in enumerate(request.names)
        ]
        self._require_each(call, GET, parent, ids)
        shown: list[bytes] = []
        get = self._records.batch_get_records
        left_bytes = get.max_reply_bytes
        images = get(parent, ids, whole=mask is None)
        async with aclosing(images):
            async for image in images:
                shown.append(await self._encoded(image, mask))
                left_bytes -= len(shown[-1])
                if left_bytes < 0:
                    raise get.too_large()
        response: record_pb2.BatchGetRecordsResponse = StoredBatchGetRecordsResponse(records=shown)
        return response

    async def BatchWriteRecords(  # noqa: D102
        self, request: record_pb2.BatchWriteRecordsRequest | CheckedRequest, call: Call
    ) -> record_pb2.BatchWriteRecordsResponse:
        parent = collection_key_in(request.parent, field="parent")
        if type(request) is CheckedRequest:
            created = await self._created_plainly(parent, request.octets)
            if created is not None:
                return _results(created)
            request = request.message
        mask = ReadMask.parse(request.read_mask.paths)
        operations = [
            operation_of(parent, write, field=f"writes[{position}]")
            for position, write in enumerate(request.writes)
        ]
        changed = (each.record_id for each in operations if not isinstance(each, RecordCreation))
        self._require_each(call, BATCH_WRITE, parent, changed)
        written = await self._records.batch_write_records(parent, operations)
        results = [
            b""
            if record is None
            else write_message(
                RESULT_RECORD,
                record.encoded
                if record.sealed is None and mask is None
                else await self._encoded(record.image, mask),
            )
            for record in written
        ]
        return _results(results)

    async def WatchRecords(  # noqa: D102
        self, request: record_pb2.WatchRecordsRequest, _: Call
    ) -> AsyncIterator[record_pb2.WatchRecordsResponse]:
        key = collection_key_in(request.parent, field="parent")
        async with aclosing(self._records.watch_records(key, request.resume_token)) as events:
            async for event in events:
                yield await self._event(event)

    def _require_each(
        self, call: Call, permission: str, parent: CollectionKey, ids: Iterable[str]
    ) -> None:
        """Refuses records that the caller is denied, or whose names a condition leaves out.

        Who may without holding the permission on the parent does so by the method's own policy.
        """
        if not self._may(call, permission, parent.name):
            return
        for record_id in ids:
            if not self._may(call, permission, f"{parent.name}/records/{record_id}"):
                raise _denied(permission)

    async def _created_plainly(self, parent: CollectionKey, batch: bytes) -> list[bytes] | None:
        """The results of a batch that only creates; None where nothing is done."""
        create = self._records.create_plain_records
        if not (create.suits(parent) or await _learns(create, parent)):
            return None
        read = read_creations(batch, parent.name, MAX_DEPTH)
        if read is None:
            return None
        ids, texts, encoded, names_only = read
        created = await create(parent, PlainDocuments(ids, texts, encoded))
        return None if created is None else write_results(list(created), names_only)

    async def _event(self, event: RecordEvent) -> record_pb2.WatchRecordsResponse:
        change = event.change
        if change is None:
            return record_pb2.WatchRecordsResponse(
                type=record_pb2.RECORD_EVENT_TYPE_STARTED,
                resume_token=event.resume_token,
                sequence=event.sequence,
            )
        response: record_pb2.WatchRecordsResponse = StoredWatchRecordsResponse(
            type=EVENT_TYPES[change.kind],
            resume_token=event.resume_token,
            name=change.key.name,
            record=None if change.image is None else await self._encoded(change.image),
            event_time=to_timestamp(change.time_ns),
            sequence=event.sequence,
        )
        return response

    async def _shown(self, image: RecordImage, mask: ReadMask | None = None) -> record_pb2.Record:
        return record_message(await self._encoded(image, mask))

    async def _encoded(self, image: RecordImage, mask: ReadMask | None = None) -> bytes:
        if mask is None:
            if image.sealed is None:
                return image.encoded
        elif mask.is_name:
            # Nothing is opened for it.
            return write_bytes(RECORD_NAME, image.key.name.encode())
        opened = await self._records.sealer.shown(image) if image.sealed else {}
        return encoded_record(image, opened, mask)


def _results(encoded: list[bytes]) -> record_pb2.BatchWriteRecordsResponse:
    response: record_pb2.BatchWriteRecordsResponse = StoredBatchWriteRecordsResponse(
        results=encoded
    )
    return response


def _denied(permission: str) -> PermissionDeniedError:
    return PermissionDeniedError(
        "PERMISSION_DENIED", f"{permission} is needed", metadata={"permission": permission}
    )


async def _learns(create: CreatePlainRecords | PlainCreations, parent: CollectionKey) -> bool:
    """Whether a collection suits that was not known to do so."""
    return create.suits(parent) is None and await create.learn(parent)
