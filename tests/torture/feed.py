"""Follows the change feed of a collection over the ends of its server."""

from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict

from blrcs.v1 import record_pb2, record_pb2_grpc
from tests.torture.workload import CALL_TIMEOUT_S, PARENT, BrokenPromiseError, Metadata

GONE = {record_pb2.RECORD_EVENT_TYPE_DELETED, record_pb2.RECORD_EVENT_TYPE_EXPIRED}
PAGE_SIZE = 1_000


class Feed:
    """What the feed has told so far: the records as they are by it."""

    def __init__(self, metadata: Metadata) -> None:
        self.metadata = metadata
        self.records: dict[str, dict[str, Any]] = {}
        self.sequence = 0
        self._token = ""

    async def begin(self, channel: grpc.aio.Channel) -> None:
        """Takes the present as the beginning; the collection is empty."""
        watch = self._watch(channel)
        started = await watch.read()
        watch.cancel()
        self._token, self.sequence = started.resume_token, started.sequence

    async def catch_up(self, channel: grpc.aio.Channel) -> None:
        """Takes all that is committed; raises BrokenPromiseError at a gap or a change of order."""
        last = await self._last(channel)
        watch = self._watch(channel)
        while self.sequence < last:
            event = await watch.read()
            if event is grpc.aio.EOF:
                raise BrokenPromiseError(f"the feed ended at {self.sequence} of {last}")
            if event.type != record_pb2.RECORD_EVENT_TYPE_STARTED:
                self._apply(event)
            self._token = event.resume_token
        watch.cancel()

    async def verify(self, channel: grpc.aio.Channel) -> None:
        """Compares what the feed told with what is stored."""
        await self.catch_up(channel)
        stub = record_pb2_grpc.RecordServiceStub(channel)
        stored: dict[str, dict[str, Any]] = {}
        page_token = ""
        while True:
            page = await stub.ListRecords(
                record_pb2.ListRecordsRequest(
                    parent=PARENT, page_size=PAGE_SIZE, page_token=page_token
                ),
                metadata=self.metadata,
                timeout=CALL_TIMEOUT_S,
            )
            stored |= {record.name: MessageToDict(record.data) for record in page.records}
            page_token = page.next_page_token
            if not page_token:
                break
        if stored != self.records:
            names = [
                name
                for name in stored.keys() | self.records.keys()
                if stored.get(name) != self.records.get(name)
            ]
            raise BrokenPromiseError(f"the feed and the records differ in {sorted(names)[:10]}")

    def _apply(self, event: record_pb2.WatchRecordsResponse) -> None:
        if event.sequence != self.sequence + 1:
            raise BrokenPromiseError(f"the feed goes from {self.sequence} to {event.sequence}")
        self.sequence = event.sequence
        if event.type in GONE:
            del self.records[event.name]
        else:
            self.records[event.name] = MessageToDict(event.record.data)

    async def _last(self, channel: grpc.aio.Channel) -> int:
        """The number of the last change that is committed."""
        watch = self._watch(channel, resume_token="")
        started = await watch.read()
        watch.cancel()
        return int(started.sequence)

    def _watch(self, channel: grpc.aio.Channel, resume_token: str | None = None) -> Any:
        request = record_pb2.WatchRecordsRequest(
            parent=PARENT, resume_token=self._token if resume_token is None else resume_token
        )
        return record_pb2_grpc.RecordServiceStub(channel).WatchRecords(
            request, metadata=self.metadata, timeout=CALL_TIMEOUT_S
        )
