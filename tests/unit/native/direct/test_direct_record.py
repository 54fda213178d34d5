"""GetRecord, answered from copies, is what Python answers."""

import pytest

from blrcs.api.record_service import RecordService
from blrcs.assembly.direct import direct_records
from blrcs.assembly.records import Records
from blrcs.config.policies import PermissionAccess, PolicyOverride
from blrcs.domain.errors import NotFoundError
from blrcs.domain.record import RecordImage
from blrcs.domain.record_name import RecordKey, record_key_in
from blrcs.v1 import record_pb2, record_pb2_grpc
from blrcs.workers.memory import own_stamps
from blrcs_native.direct.record import DirectGetRecord
from blrcs_native.records.copies import RecordCopies
from tests.unit.native.direct.direct_twins import Twins, World, declines_what_protobuf_refuses
from tests.unit.native.tokens.token_factory import FakeClock

GET = "/blrcs.v1.RecordService/GetRecord"
# What alice may read, by the grants of the worlds.
PARENT = "tenants/acme/collections/sessions"
NAME = f"{PARENT}/records/Ab.7"
OPEN = PolicyOverride(
    access=PermissionAccess(permission="records.get", resource="caches/sessions/{name=**}")
)


class GetImage:
    """The use case, of records at hand."""

    def __init__(self, records):
        self.records = records

    async def __call__(self, key):
        try:
            return self.records[key]
        except KeyError:
            raise NotFoundError(key.name) from None


class UseCases:
    def __init__(self, records):
        self.get_record = GetImage(records)


class RecordWorld(World):
    def __init__(self, clock, *, direct, overrides=None):
        self.copies = RecordCopies(own_stamps(), max_bytes=1 << 20, clock=clock, monotonic=clock)
        self.copies.good_until_ns = 1 << 62
        self.stored = {}
        service = RecordService(
            collections=None, records=UseCases(self.stored), may=lambda *_: True
        )
        records = Records(
            service=service,
            purge=None,
            signal=None,
            copies=None,
            direct_reads={"read": self.read, "copies": self.copies}.get(direct),
            create_together=None,
            build_indexes=None,
        )
        super().__init__(
            lambda server: record_pb2_grpc.add_RecordServiceServicer_to_server(service, server),
            lambda: (dict(self.stored), len(self.copies)),
            direct_records(records),
            overrides or {},
        )

    def read(self, tenant, collection, record_id):
        image = self.stored.get(RecordKey(tenant, collection, record_id))
        return None if image is None or image.sealed is not None else image.encoded

    def keep(self, name=NAME, sealed=None, expire_time_ns=None):
        key = record_key_in(name)
        message = record_pb2.Record(name=name, etag="1")
        message.data.update({"v": name})
        encoded = message.SerializeToString()
        parent = key.parent.name
        self.stored[key] = RecordImage(key, encoded, sealed)
        stamp = self.copies.stamp(parent, name)
        self.copies.keep(parent, name, stamp, encoded, sealed, expire_time_ns)


def get(name=NAME, *paths):
    request = record_pb2.GetRecordRequest(name=name)
    if paths:
        request.read_mask.paths.extend(paths)
    return request.SerializeToString()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture(params=["copies", "read"])
def source(request):
    return request.param


def twins_of(clock, source, overrides=None):
    twins = Twins(
        RecordWorld(clock, direct=None, overrides=overrides),
        RecordWorld(clock, direct=source, overrides=overrides),
    )
    for world in (twins.python, twins.direct):
        world.keep()
    return twins


@pytest.fixture
def twins(clock, source):
    return twins_of(clock, source)


def test_a_good_copy_needs_no_python(twins):
    assert twins.is_answered(GET, get())
    assert twins.is_answered(GET, get())


def test_a_mask_needs_python(twins):
    assert not twins.is_answered(GET, get(NAME, "data.v"))
    request = record_pb2.GetRecordRequest(name=NAME)
    request.read_mask.SetInParent()
    assert not twins.is_answered(GET, request.SerializeToString())


@pytest.mark.parametrize("name", ["", "records/7", NAME + "/", "x" * 2000])
def test_what_is_no_name_is_no_record(twins, name):
    assert twins.call(GET, get(name)).rejection is not None


def test_what_is_sealed_needs_python(twins):
    name = f"{PARENT}/records/sealed"
    twins.direct.keep(name, sealed={})
    assert twins.direct.answered(GET, get(name), "users/admin") is None


def test_after_a_change_and_at_its_end_python_is_asked(clock):
    twins = twins_of(clock, "copies")
    for world in (twins.python, twins.direct):
        world.keep(expire_time_ns=clock() + 10)
    clock.now_ns += 9
    assert twins.is_answered(GET, get())
    clock.now_ns += 1
    assert twins.direct.copies.find(NAME) is None
    assert twins.direct.answered(GET, get(), "users/admin") is None
    twins.direct.keep()
    assert twins.direct.answered(GET, get(), "users/admin") is not None
    twins.direct.copies.changed(PARENT, [NAME])
    assert twins.direct.copies.find(NAME) is None
    assert twins.direct.answered(GET, get(), "users/admin") is None


def test_who_may_not_is_refused_from_copies_too(twins):
    refused = twins.call(GET, get(), "users/nobody")
    assert refused.rejection[:3] == (7, "authorization", "PERMISSION_DENIED")


def test_who_may_not_is_refused_before_anything_is_looked_up(clock, source):
    access = PermissionAccess(permission="records.get", resource="limits/{name=**}")
    twins = twins_of(clock, source, {GET: PolicyOverride(access=access)})
    looked = []
    twins.direct.read = looked.append
    for name in (NAME, f"{PARENT}/records/none"):
        assert twins.is_answered(GET, get(name), "users/alice")
    assert not looked


@pytest.mark.parametrize("id_", ["%", "a b", "é", "-a", "A"])
def test_ids_that_cannot_be_are_not_found(twins, id_):
    for name in (
        f"tenants/{id_}/collections/sessions/records/Ab.7",
        f"tenants/acme/collections/{id_}/records/Ab.7",
        f"{PARENT}/records/{id_}",
        f"{PARENT}/records/",
        f"x{NAME}",
        f"{NAME}/",
    ):
        assert twins.call(GET, get(name)).rejection is not None


def test_it_reads_from_somewhere():
    with pytest.raises(TypeError):
        DirectGetRecord(None)


def test_guards_read_the_name(clock, source):
    twins = twins_of(clock, source, {GET: OPEN})
    assert twins.is_answered(GET, get(), "users/alice")
    access = PermissionAccess(permission="records.get", resource="limits/{name=**}")
    closed = twins_of(clock, source, {GET: PolicyOverride(access=access)})
    assert closed.is_answered(GET, get(), "users/alice")
    assert closed.call(GET, get(), "users/alice").rejection[2] == "PERMISSION_DENIED"


def test_what_protobuf_refuses_is_declined(twins):
    parse = record_pb2.GetRecordRequest.FromString
    assert declines_what_protobuf_refuses(twins.direct, GET, parse, [get()]) > 500
