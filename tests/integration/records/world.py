"""RecordService in a host, over a real database."""

import contextlib
import itertools
from contextlib import AsyncExitStack
from functools import partial
from types import SimpleNamespace

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from blrcs.api.record_requests import add_record_service
from blrcs.assembly.encryption import assemble_encryption
from blrcs.assembly.foundation import Foundation
from blrcs.assembly.records import assemble_records
from blrcs.config.encryption import Encryption as EncryptionSection
from blrcs.config.records import Records as RecordsSection
from blrcs.interceptors.binding import bind_all
from blrcs.interceptors.effective_policy import effective_policy
from blrcs.interceptors.factory import PipelineFactory
from blrcs.security.page_tokens import SignedPageTokens
from blrcs.security.secret_generator import RandomSecretGenerator
from blrcs.testing import Host
from blrcs.testing.host import NAME
from blrcs.transport.registration import Registrar
from blrcs.transport.router import Router
from blrcs.v1 import record_pb2, record_pb2_grpc
from blrcs.workers.memory import own_stamps
from blrcs_native.access.table import AccessTable, BindingSpec, RoleSpec
from blrcs_native.limits.limiter import Limiter
from blrcs_native.tokens.keys import Keyset, VerificationKey
from blrcs_native.tokens.verifier import TokenVerifier
from tests.unit.application.identity_fakes import counting_random

TENANT = "tenants/acme"
ORDERS = f"{TENANT}/collections/orders"
VERBS = {
    "collections": ("create", "get", "list", "update", "delete", "judgeSecrets"),
    "records": ("create", "get", "list", "update", "delete", "batchWrite", "watch"),
}
ALL = {f"blrcs.{kind}.{verb}": "tenants" for kind, verbs in VERBS.items() for verb in verbs}
SECOND_NS = 1_000_000_000


class World:
    """A server's record service; ``open`` on the same store is a restart, or another machine."""

    def __init__(self, records, clock):
        self.records = records
        self.clock = clock
        self.host = Host(lambda server: add_record_service(records.service, server))
        self.stub = self.stub_of("users/alice", ALL)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        store,
        clock,
        *,
        generation=None,
        stamps=None,
        interval_ns=SECOND_NS,
        encryption=None,
        random=None,
        ticking=True,
        consistency_token=None,
        **settings,
    ):
        """Where it ticks, no two things happen at the same moment."""
        ticks = itertools.count() if ticking else itertools.repeat(0)
        async with store.open() as (database, reader), AsyncExitStack() as stack:
            base = Foundation(
                data_directory=store.folder,
                database=database,
                reader=reader,
                consistency_token=consistency_token,
                page_tokens=SignedPageTokens(bytes(32)),
                secrets=RandomSecretGenerator(random or counting_random()),
                clock=lambda: clock() + next(ticks),
            )
            holder = SimpleNamespace()
            encryption = await assemble_encryption(
                base, EncryptionSection(**(encryption or {})), stack
            )
            records = assemble_records(
                base,
                RecordsSection(**settings),
                _Late(holder),
                encryption,
                refresh_interval_ns=interval_ns,
                stamps=stamps or own_stamps(),
                generation=generation,
            )
            world = cls(records, clock)
            world.database = database
            world.encryption = encryption
            holder.access = world.host._access
            yield world
            records.signal.finish()

    def router(self, register=None, direct=None):
        """The service behind a server's pipelines, with direct handlers where they are given."""
        registrar = Registrar()
        (register or partial(add_record_service, self.records.service))(registrar)
        factory = PipelineFactory(
            limiter=Limiter(4096),
            verifier=TokenVerifier(
                Keyset([VerificationKey.from_secret(NAME, "HS256", self.host._secret)]),
                issuers=[NAME],
                audiences=[NAME],
            ),
            access=self.host._access,
            direct=direct or {},
        )
        return Router(
            bind_all(registrar, factory, lambda each: effective_policy(each.name, each.descriptor))
        )

    def stub_of(self, principal, permissions=None):
        return record_pb2_grpc.RecordServiceStub(self.host.channel(principal, permissions))

    def deny(self, principal, permissions, resource):
        """Takes permissions from a principal, whatever else it is granted, until the next grant."""
        host = self.host
        role = RoleSpec("roles/denied", permissions)
        binding = BindingSpec("bindings/denied", role.name, [principal], resource, denies=True)
        host._access.replace(AccessTable([*host._roles, role], [], [*host._bindings, binding]))

    async def collection(self, collection_id="orders", **fields):
        request = record_pb2.CreateCollectionRequest(
            parent=TENANT, collection_id=collection_id, collection=record_pb2.Collection(**fields)
        )
        return await self.stub.CreateCollection(request)

    async def create(self, record_id="", data=None, parent=ORDERS, **fields):
        return await self.stub.CreateRecord(creation(record_id, data, parent, **fields))

    async def get(self, record_id, *paths):
        request = record_pb2.GetRecordRequest(name=name_of(record_id))
        if paths:
            request.read_mask.CopyFrom(FieldMask(paths=paths))
        return await self.stub.GetRecord(request)

    async def update(self, record_id, data=None, mask=(), **fields):
        return await self.stub.UpdateRecord(changing(record_id, data, mask, **fields))

    async def delete(self, record_id, **fields):
        request = record_pb2.DeleteRecordRequest(name=name_of(record_id), **fields)
        return await self.stub.DeleteRecord(request)

    async def listed(self, **fields):
        """Ids of all pages, in their order."""
        found, token = [], ""
        while True:
            page = await self.stub.ListRecords(
                record_pb2.ListRecordsRequest(parent=ORDERS, page_token=token, **fields)
            )
            found += [record.name.rpartition("/")[2] for record in page.records]
            token = page.next_page_token
            if not token:
                return found

    async def batch(self, *writes, parent=ORDERS, paths=()):
        request = record_pb2.BatchWriteRecordsRequest(parent=parent, writes=writes)
        if paths:
            request.read_mask.CopyFrom(FieldMask(paths=paths))
        return (await self.stub.BatchWriteRecords(request)).results

    def watch(self, resume_token="", parent=ORDERS):
        request = record_pb2.WatchRecordsRequest(parent=parent, resume_token=resume_token)
        return self.stub.WatchRecords(request)


class _Late:
    """The access table of a host that is made of what asks it."""

    def __init__(self, holder):
        self._holder = holder

    @property
    def table(self):
        return self._holder.access.table

    def permits(self, call, permission, resource):
        return self._holder.access.permits(call, permission, resource)


def name_of(record_id, parent=ORDERS):
    return f"{parent}/records/{record_id}"


def struct(data):
    message = Struct()
    message.update(data)
    return message


def creation(record_id="", data=None, parent=ORDERS, **fields):
    record = record_pb2.Record(data=struct(data or {}), **fields)
    return record_pb2.CreateRecordRequest(parent=parent, record_id=record_id, record=record)


def changing(record_id, data=None, mask=(), *, allow_missing=False, parent=ORDERS, **fields):
    record = record_pb2.Record(name=name_of(record_id, parent), **fields)
    if data is not None:
        record.data.CopyFrom(struct(data))
    return record_pb2.UpdateRecordRequest(
        record=record, update_mask=FieldMask(paths=mask), allow_missing=allow_missing
    )


def data_of(record):
    return MessageToDict(record.data)


def seconds(count):
    return Duration(seconds=count)
