"""The audit log as its service shows it, of a whole server."""

import base64
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import grpc
import pytest
from google.protobuf.json_format import MessageToDict

from blrcs.app import running
from blrcs.audit.line import Line
from blrcs.config.loading import load_settings
from blrcs.monitoring.log_level import LogLevel
from blrcs.v1 import (
    access_pb2,
    access_pb2_grpc,
    audit_pb2,
    audit_pb2_grpc,
    auth_pb2,
    auth_pb2_grpc,
    cache_pb2,
    cache_pb2_grpc,
    record_pb2,
    record_pb2_grpc,
    user_pb2,
    user_pb2_grpc,
)

REQUESTS_TOO = {f"/blrcs.v1.{name}Service/*": {"audit": "request"} for name in ("Record", "Cache")}
FIRST, PASSWORD = "correct horse battery", "staple battery horse"


class World:
    """A server, and whoever calls it."""

    def __init__(self, channel: grpc.aio.Channel, directory: Path) -> None:
        self.directory = directory
        self.auth = auth_pb2_grpc.AuthServiceStub(channel)
        self.users = user_pb2_grpc.UserServiceStub(channel)
        self.access = access_pb2_grpc.AccessServiceStub(channel)
        self.audit = audit_pb2_grpc.AuditServiceStub(channel)
        self.records = record_pb2_grpc.RecordServiceStub(channel)
        self.caches = cache_pb2_grpc.CacheServiceStub(channel)
        self.admin: list[tuple[str, str]] = []

    async def sign_in(self, user_id: str, password: str) -> list[tuple[str, str]]:
        request = auth_pb2.SignInRequest(user_id=user_id, password=password)
        signed_in = await self.auth.SignIn(request)
        return [("authorization", f"Bearer {signed_in.tokens.access_token}")]

    async def begin(self) -> None:
        change = user_pb2.ChangePasswordRequest(
            name="users/admin", old_password=FIRST, new_password=PASSWORD
        )
        await self.users.ChangePassword(change, metadata=await self.sign_in("admin", FIRST))
        self.admin = await self.sign_in("admin", PASSWORD)

    async def create_user(self, user_id: str, request_id: str = "") -> None:
        request = user_pb2.CreateUserRequest(
            user_id=user_id, password=PASSWORD, user=user_pb2.User(display_name="A")
        )
        metadata = [*self.admin, ("x-request-id", request_id)] if request_id else self.admin
        await self.users.CreateUser(request, metadata=metadata)

    async def new_user(self, user_id: str) -> list[tuple[str, str]]:
        """One who may call."""
        await self.create_user(user_id)
        change = user_pb2.ChangePasswordRequest(
            name=f"users/{user_id}", old_password=PASSWORD, new_password=FIRST
        )
        await self.users.ChangePassword(change, metadata=await self.sign_in(user_id, PASSWORD))
        return await self.sign_in(user_id, FIRST)

    async def events(self, caller=None, **fields) -> list[audit_pb2.AuditEvent]:
        request = audit_pb2.ListEventsRequest(**{"parent": "audit", **fields})
        found = []
        while True:
            page = await self.audit.ListEvents(request, metadata=caller or self.admin)
            found += page.events
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    flags = {
        "data_directory": str(tmp_path),
        "server.host": "127.0.0.1",
        "server.port": 0,
        "metrics.port": 0,
        "auth.initial_admin_password": FIRST,
    }
    environ = {"BLRCS_POLICIES": json.dumps(REQUESTS_TOO)}
    load = partial(load_settings, environ=environ, flags=flags)
    async with running(load(), load, LogLevel("error")) as application:
        address = application.addresses[0].partition(" ")[0]
        async with grpc.aio.insecure_channel(address) as channel:
            world = World(channel, tmp_path)
            await world.begin()
            yield world


async def refused(call) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call
    return refusal.value.code()


async def test_a_change_is_listed_with_all_that_is_to_be_known_of_it(world):
    await world.create_user("alice", "req-7")
    *_, event = await world.events(method="/blrcs.v1.UserService/CreateUser")
    assert (event.kind, event.principal, event.code) == ("call", "users/admin", "OK")
    assert (event.resource, event.address, event.request_id) == ("users", "127.0.0.1", "req-7")
    assert event.session
    assert event.epoch
    assert MessageToDict(event.request) == {
        "user_id": "alice",
        "password": "********",
        "user": {"display_name": "A"},
    }
    assert PASSWORD not in event.line
    line = Line.read(event.line.encode())
    assert event.name == f"audit/chains/{line.chain}/records/{line.seq}"


async def test_what_is_sealed_or_cached_is_in_no_record_though_requests_are_kept(world):
    secret, parent = "DE02120300000000202051", "tenants/acme/collections/patients"
    shape = {"encrypted_fields": ["iban"], "indexes": [{"path": "iban"}]}
    create = record_pb2.CreateCollectionRequest(
        parent="tenants/acme", collection_id="patients", collection=shape
    )
    await world.records.CreateCollection(create, metadata=world.admin)
    request = record_pb2.CreateRecordRequest(parent=parent, record_id="p1")
    request.record.data.update({"iban": secret})
    await world.records.CreateRecord(request, metadata=world.admin)
    asked = {"parent": parent, "filter": f'data.iban = "{secret}"'}
    found = await world.records.ListRecords(
        record_pb2.ListRecordsRequest(**asked), metadata=world.admin
    )
    assert len(found.records) == 1
    count = record_pb2.CountRecordsRequest(**asked)
    await world.records.CountRecords(count, metadata=world.admin)
    entry = cache_pb2.SetRequest(namespace="sessions", key="k", value=secret.encode())
    await world.caches.Set(entry, metadata=world.admin)

    events = await world.events(method="/blrcs.v1.RecordService/*")
    shown = {each.method.rpartition("/")[2]: MessageToDict(each.request) for each in events}
    for method in ("ListRecords", "CountRecords"):
        assert shown[method] == {"parent": parent, "filter": "********"}
    assert shown["CreateRecord"]["record"] == {"data": "********"}
    (cached,) = await world.events(method="/blrcs.v1.CacheService/*")
    assert MessageToDict(cached.request)["value"] == "********"
    assert all(secret not in each.line for each in events)


async def test_the_place_of_a_page_which_holds_data_is_in_no_record(world):
    parent = "tenants/acme/collections/people"
    create = record_pb2.CreateCollectionRequest(
        parent="tenants/acme",
        collection_id="people",
        collection={"indexes": [{"path": "city"}]},
    )
    await world.records.CreateCollection(create, metadata=world.admin)
    for number, city in enumerate(("Aachen", "Berlin")):
        request = record_pb2.CreateRecordRequest(parent=parent, record_id=f"p{number}")
        request.record.data.update({"city": city})
        await world.records.CreateRecord(request, metadata=world.admin)
    asked = record_pb2.ListRecordsRequest(parent=parent, page_size=1, order_by="data.city")
    page = await world.records.ListRecords(asked, metadata=world.admin)
    asked.page_token = page.next_page_token
    raw = base64.urlsafe_b64decode(asked.page_token + "=" * (-len(asked.page_token) % 4))
    assert b"Aachen" in raw
    await world.records.ListRecords(asked, metadata=world.admin)
    # A change is answered once its record, and all before it, are written.
    last = record_pb2.DeleteRecordRequest(name=f"{parent}/records/p0")
    await world.records.DeleteRecord(last, metadata=world.admin)

    events = await world.events(method="/blrcs.v1.RecordService/ListRecords")
    assert [MessageToDict(each.request).get("page_token") for each in events] == [None, "********"]
    assert all(asked.page_token not in each.line for each in events)


async def test_sign_ins_are_listed_by_whom_they_prove_to_be(world):
    following = follow(world, method="/blrcs.v1.AuthService/*")
    assert not (await following.read()).events
    code = await refused(world.sign_in("admin", "wrong and long"))
    assert code is grpc.StatusCode.UNAUTHENTICATED
    (told,) = (await following.read()).events
    following.cancel()
    events = await world.events(method="/blrcs.v1.AuthService/*")
    assert [event.principal for event in events] == ["users/admin", "users/admin", ""]
    assert events[-1] == told
    assert MessageToDict(told.request)["user_id"] == "admin"


async def test_denials_are_told_and_listed(world):
    alice = await world.new_user("alice")
    following = follow(world, decision=audit_pb2.AUDIT_DECISION_REFUSED)
    assert not (await following.read()).events
    for _ in range(3):
        request = user_pb2.GetUserRequest(name="users/admin")
        code = await refused(world.users.GetUser(request, metadata=alice))
        assert code is grpc.StatusCode.PERMISSION_DENIED
    told = list((await following.read()).events)
    following.cancel()
    listed = await world.events(principal="users/alice", decision="AUDIT_DECISION_REFUSED")
    assert listed == told
    assert sum(event.count for event in told) == 3
    (kinds,) = {(event.kind, event.code, event.stage) for event in told}
    assert kinds == ("refused", "PERMISSION_DENIED", "authorization")


def follow(world, resume="", caller=None, **fields):
    request = audit_pb2.FollowEventsRequest(**{"parent": "audit", "resume_token": resume, **fields})
    return world.audit.FollowEvents(request, metadata=caller or world.admin)


async def test_pages_follow_one_another_without_a_gap(world):
    for number in range(7):
        await world.create_user(f"user{number}")
    method = "/blrcs.v1.UserService/CreateUser"
    whole = await world.events(method=method)
    assert len(whole) == 7
    assert await world.events(method=method, page_size=2) == whole
    request = audit_pb2.ListEventsRequest(parent="audit", method=method, page_size=2)
    page = await world.audit.ListEvents(request, metadata=world.admin)
    other = audit_pb2.ListEventsRequest(parent="audit", page_token=page.next_page_token)
    code = await refused(world.audit.ListEvents(other, metadata=world.admin))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    later = await world.events(method=method, start_time=whole[3].time, end_time=whole[5].time)
    assert later == whole[3:5]


async def test_what_is_written_is_told_to_followers_who_may_go_on_later(world):
    following = follow(world, method="/blrcs.v1.UserService/CreateUser")
    assert not (await following.read()).events
    await world.create_user("alice")
    told = await following.read()
    assert [event.code for event in told.events] == ["OK"]
    following.cancel()
    await world.create_user("bob")
    again = follow(world, told.resume_token, method="/blrcs.v1.UserService/CreateUser")
    assert not (await again.read()).events
    (event,) = (await again.read()).events
    assert MessageToDict(event.request)["user_id"] == "bob"
    again.cancel()
    elsewhere = follow(world, told.resume_token, parent="tenants/acme")
    assert await refused(elsewhere.read()) is grpc.StatusCode.INVALID_ARGUMENT


async def test_whoever_may_read_of_a_tenant_sees_what_concerns_it_alone(world):
    alice = await world.new_user("alice")
    binding = access_pb2.Binding(
        role="roles/auditor", members=["users/alice"], resource="tenants/acme"
    )
    request = access_pb2.CreateBindingRequest(binding_id="auditor", binding=binding)
    await world.access.CreateBinding(request, metadata=world.admin)
    assert await world.events(caller=alice, parent="tenants/acme") == []
    for parent in ("audit", "tenants", "tenants/other", "tenants/acme2"):
        request = audit_pb2.ListEventsRequest(parent=parent)
        code = await refused(world.audit.ListEvents(request, metadata=alice))
        assert code is grpc.StatusCode.PERMISSION_DENIED
    code = await refused(world.audit.Verify(audit_pb2.VerifyRequest(), metadata=alice))
    assert code is grpc.StatusCode.PERMISSION_DENIED
    # What it has just read of the tenant is on record as such.
    events = await world.events(parent="tenants/acme")
    assert {event.principal for event in events} <= {"users/alice", "users/admin"}


async def test_the_service_verifies_what_it_shows(world):
    await world.create_user("alice")
    verified = await world.audit.Verify(audit_pb2.VerifyRequest(), metadata=world.admin)
    (chain,) = verified.chains
    assert (chain.problem, chain.first_seq) == ("", 1)
    assert chain.last_seq >= 6
    (path,) = (world.directory / "audit" / chain.chain).glob("*.jsonl")
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b'"user_id":"alice"', b'"user_id":"eve!!"'))
    (chain,) = (await world.audit.Verify(audit_pb2.VerifyRequest(), metadata=world.admin)).chains
    (line,) = [n for n, each in enumerate(raw.splitlines(), 1) if b'"user_id":"alice"' in each]
    assert (chain.problem, chain.problem_seq) == ("edited", line)
    request = audit_pb2.VerifyRequest(checkpoints=["no checkpoint"])
    code = await refused(world.audit.Verify(request, metadata=world.admin))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
