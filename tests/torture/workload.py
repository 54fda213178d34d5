"""Writers whose every acknowledgement is remembered, and what has to be true of it afterwards."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import MessageToDict

from blrcs.v1 import record_pb2, record_pb2_grpc

PARENT = "tenants/torture/collections/records"
WRITERS = 8
CALL_TIMEOUT_S = 300
"""Far above what a call takes, for machines that do much else at the same time."""
UNKNOWN = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}
"""How calls end whose effect is not known: the server was lost on the way."""
REFUSED = {grpc.StatusCode.ABORTED}
"""How calls end that had no effect: somebody else wrote first."""

Metadata = list[tuple[str, str]]


class BrokenPromiseError(AssertionError):
    """What was acknowledged is not so."""


@dataclass
class Written:
    """What writers know of one kind of write: certain, and possible."""

    acknowledged: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)


class Workload:
    """Creates, updates and batches, from several writers at once, on records of its own.

    Creates make records of their own; updates append their mark to the list of one record, each
    upon what it read; batches make two records each, or none.
    """

    def __init__(self, name: str, metadata: Metadata) -> None:
        self.name = name
        self.metadata = metadata
        self.creates = Written()
        self.marks = Written()
        self.batches = Written()
        self.acknowledgements = 0

    @property
    def list_name(self) -> str:
        """The record that updates append to."""
        return f"{PARENT}/records/{self.name}-list"

    async def prepare(self, channel: grpc.aio.Channel) -> None:
        """Makes the record that updates append to."""
        stub = record_pb2_grpc.RecordServiceStub(channel)
        await stub.CreateRecord(
            create(f"{self.name}-list", {"marks": []}),
            metadata=self.metadata,
            timeout=CALL_TIMEOUT_S,
        )

    async def run(self, channel: grpc.aio.Channel, acknowledgements: int, end: Any) -> None:
        """Writes; calls ``end`` at the given acknowledgement, and returns when nobody answers."""
        stub = record_pb2_grpc.RecordServiceStub(channel)
        target = self.acknowledgements + acknowledgements

        async def write(number: int) -> None:
            kinds = (self._create, self._append, self._batch)
            for step in range(1_000_000):
                mark = f"{self.name}-{number}-{step}"
                alive = await kinds[(number + step) % len(kinds)](stub, mark)
                if not alive:
                    return
                if self.acknowledgements >= target:
                    end()

        await asyncio.gather(*(write(number) for number in range(WRITERS)))

    async def verify(self, channel: grpc.aio.Channel) -> None:
        """Raises BrokenPromiseError where something was lost, doubled or torn."""
        stub = record_pb2_grpc.RecordServiceStub(channel)
        await self._verify_creates(stub)
        await self._verify_marks(stub)
        await self._verify_batches(stub)

    async def _create(self, stub: Any, mark: str) -> bool:
        return await self._note(
            self.creates,
            mark,
            lambda: stub.CreateRecord(create(mark, {"mark": mark}), **self._call),
        )

    async def _batch(self, stub: Any, mark: str) -> bool:
        request = record_pb2.BatchWriteRecordsRequest(
            parent=PARENT,
            writes=[
                record_pb2.RecordWrite(create=create(f"{mark}-{half}", {"mark": mark}))
                for half in ("a", "b")
            ],
        )
        return await self._note(
            self.batches, mark, lambda: stub.BatchWriteRecords(request, **self._call)
        )

    async def _append(self, stub: Any, mark: str) -> bool:
        try:
            stored = await stub.GetRecord(
                record_pb2.GetRecordRequest(name=self.list_name), **self._call
            )
        except grpc.aio.AioRpcError as error:
            return judged(error)
        stored.data.get_or_create_list("marks").append(mark)
        request = record_pb2.UpdateRecordRequest(
            record=stored, update_mask=FieldMask(paths=["data"])
        )
        return await self._note(self.marks, mark, lambda: stub.UpdateRecord(request, **self._call))

    async def _note(
        self, written: Written, mark: str, call: Callable[[], Awaitable[object]]
    ) -> bool:
        """Makes a call and remembers how it ended; false where the server is lost."""
        written.unknown.add(mark)
        try:
            await call()
        except grpc.aio.AioRpcError as error:
            if error.code() in REFUSED:
                written.unknown.discard(mark)
            return judged(error)
        written.unknown.discard(mark)
        written.acknowledged.add(mark)
        self.acknowledgements += 1
        return True

    async def _verify_creates(self, stub: Any) -> None:
        for mark in self.creates.acknowledged | self.creates.unknown:
            found = await self._find(stub, mark)
            if found is None and mark in self.creates.acknowledged:
                raise BrokenPromiseError(f"{mark} was acknowledged, and is lost")
            if found not in (None, {"mark": mark}):
                raise BrokenPromiseError(f"{mark} is torn: {found}")

    async def _verify_marks(self, stub: Any) -> None:
        found = await self._find(stub, f"{self.name}-list")
        marks = [] if found is None else found["marks"]
        if len(marks) != len(set(marks)):
            raise BrokenPromiseError(f"an update of {self.list_name} was applied twice: {marks}")
        if lost := self.marks.acknowledged - set(marks):
            raise BrokenPromiseError(f"updates of {self.list_name} are lost: {lost}")
        if foreign := set(marks) - self.marks.acknowledged - self.marks.unknown:
            raise BrokenPromiseError(f"refused updates of {self.list_name} are there: {foreign}")

    async def _verify_batches(self, stub: Any) -> None:
        for mark in self.batches.acknowledged | self.batches.unknown:
            halves = [await self._find(stub, f"{mark}-{half}") for half in ("a", "b")]
            if halves.count(None) == 1:
                raise BrokenPromiseError(f"a half of the batch {mark} is there")
            if None in halves and mark in self.batches.acknowledged:
                raise BrokenPromiseError(f"the batch {mark} was acknowledged, and is lost")

    async def _find(self, stub: Any, record_id: str) -> dict[str, Any] | None:
        request = record_pb2.GetRecordRequest(name=f"{PARENT}/records/{record_id}")
        try:
            found = await stub.GetRecord(request, **self._call)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise
        return MessageToDict(found.data)

    @property
    def _call(self) -> dict[str, Any]:
        return {"metadata": self.metadata, "timeout": CALL_TIMEOUT_S}


def create(record_id: str, data: dict[str, Any]) -> record_pb2.CreateRecordRequest:
    """A request for a record."""
    return record_pb2.CreateRecordRequest(
        parent=PARENT, record_id=record_id, record=record_pb2.Record(data=data)
    )


def judged(error: grpc.aio.AioRpcError) -> bool:
    """Whether the server still answers; raises what must not have come."""
    if error.code() in UNKNOWN:
        return False
    if error.code() in REFUSED:
        return True
    raise error
