"""Reads of records behind their direct handler, and what they ask a database for."""

import asyncio
import dataclasses
from contextlib import asynccontextmanager
from functools import partial
from unittest import mock

import grpc
import pytest

from blrcs.assembly import direct
from blrcs.database.repositories.record_together import RecordsTogether
from blrcs.v1 import record_pb2
from blrcs_native.direct.gathered_reads import GatheredReads
from tests.conformance.transport.channels import open_channel
from tests.integration.records.direct_channel import bearer
from tests.integration.records.world import ORDERS, name_of

READER, OTHER = "users/rob", "users/olga"


class DirectReads:
    """A world's service behind its direct handlers, and what they have asked for.

    ``queries`` has the keys of each query; None stands in place of what went to Python instead. A
    query begins when ``may_begin`` is set.
    """

    def __init__(self, world):
        self.world = world
        self.queries = []
        self.may_begin = asyncio.Event()
        self.may_begin.set()
        self.together = world.records.direct_reads
        self.database = self.together._database
        self._get = None

    @asynccontextmanager
    async def opened(self):
        self.world.host.channel(READER, {"blrcs.records.get": "tenants"})
        self.world.host.channel(OTHER, {"blrcs.records.get": f"{ORDERS}x"})
        # However long a query is held up here, it does not take too long.
        patient = partial(GatheredReads, look_after_s=3600)
        records = dataclasses.replace(self.world.records, direct_reads=_Told(self._read))
        with mock.patch.object(direct, "GatheredReads", patient):
            handlers = direct.direct_records(records)
        async with open_channel("native", self.world.router(direct=handlers)) as channel:
            self._get = channel.unary_unary(
                "/blrcs.v1.RecordService/GetRecord",
                request_serializer=record_pb2.GetRecordRequest.SerializeToString,
                response_deserializer=record_pb2.Record.FromString,
            )
            yield self

    async def _read(self, keys):
        await self.may_begin.wait()
        found = await self.together.read(keys)
        self.queries.append(None if found is None else [f"{'/'.join(each)}" for each in keys])
        return found

    def __call__(self, request, principal=READER, timeout=60):
        if isinstance(request, str):
            request = record_pb2.GetRecordRequest(name=name_of(request))
        return self._get(request, metadata=bearer(self.world, principal), timeout=timeout)

    async def two_that_run(self, record_ids):
        """Calls whose queries hold up all others until ``may_begin`` is set."""
        self.may_begin.clear()
        calls = []
        for each in record_ids:
            calls.append(asyncio.ensure_future(outcome(self(each))))
            await self.arrived()
        return calls

    async def arrived(self):
        """Returns when the server has taken in what was sent before."""
        # It waits for nothing, and comes on the same connection.
        with pytest.raises(grpc.RpcError):
            await self(record_pb2.GetRecordRequest(name="none"))


class _Told(RecordsTogether):
    def __init__(self, read):
        self.read = read


async def outcome(call):
    """What a caller sees of a call's end."""
    try:
        return await call
    except grpc.RpcError as error:
        details = dict(error.trailing_metadata()).get("grpc-status-details-bin")
        return error.code(), error.details(), details
