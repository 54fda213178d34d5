"""Who administers a tenant tries to get out of it, and revocations race with calls."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import grpc
import pytest

from blrcs.v1 import access_pb2, access_pb2_grpc, record_pb2, record_pb2_grpc
from tests.attacks.world import ATTACKER, RECORD, VICTIM, World, collection
from tests.e2e.workers import OPTIONS, TIMEOUT_S, code

DENIED = grpc.StatusCode.PERMISSION_DENIED
OK = grpc.StatusCode.OK
HOME = f"tenants/{ATTACKER}"
SELF = f"users/{ATTACKER}"
ADMINISTRATOR = "roles/administrator"
CHANNELS = 6
ROUNDS = 10


def create(parent: str, **binding: Any) -> access_pb2.CreateBindingRequest:
    return access_pb2.CreateBindingRequest(
        parent=parent, binding={"role": ADMINISTRATOR, "members": [SELF], **binding}
    )


@pytest.mark.parametrize(
    "request_",
    [
        create("", resource=""),
        create("", resource=HOME),
        create(f"tenants/{VICTIM}", resource=f"tenants/{VICTIM}"),
        create(HOME, resource=""),
        create(HOME, resource="tenants"),
        create(HOME, resource=f"tenants/{VICTIM}"),
        create(HOME, resource=f"{HOME}2"),
        create(HOME, resource=f"{HOME}/../{VICTIM}"),
        create(f"{HOME}/..", resource="tenants"),
        create(HOME, resource=HOME, effect=2, members=["users/admin"]),
        create(HOME, resource=HOME, effect=2, members=["allUsers"]),
    ],
    ids=str,
)
def test_no_binding_leads_out_of_a_tenant(
    tenants: World, request_: access_pb2.CreateBindingRequest
) -> None:
    state = tenants.state()
    access = access_pb2_grpc.AccessServiceStub(tenants.channel)
    refused = code(lambda: access.CreateBinding(request_, metadata=tenants.mallory))
    assert refused in {DENIED, grpc.StatusCode.INVALID_ARGUMENT}
    assert tenants.state() == state


def test_who_administers_a_tenant_has_a_share_of_the_policy(tenants: World) -> None:
    """Each change of it costs all workers what all members of all bindings do."""
    access = access_pb2_grpc.AccessServiceStub(tenants.channel)
    made: list[str] = []

    def add(count: int) -> grpc.StatusCode:
        members = [f"users/u{n}" for n in range(count)]
        request = create(HOME, resource=f"{HOME}/orders", members=members)
        return code(
            lambda: made.append(access.CreateBinding(request, metadata=tenants.mallory).name)
        )

    # Beside the one that it was given itself.
    assert [add(1000) for _ in range(9)] == [OK] * 9
    state = tenants.state()
    assert add(1000) is grpc.StatusCode.FAILED_PRECONDITION
    assert tenants.state() == state
    for name in made:
        delete = access_pb2.DeleteBindingRequest(parent=HOME, name=name)
        access.DeleteBinding(delete, metadata=tenants.mallory)


def test_no_change_of_a_binding_leads_out_of_a_tenant(tenants: World) -> None:
    access = access_pb2_grpc.AccessServiceStub(tenants.channel)
    made = access.CreateBinding(create(HOME, resource=HOME), metadata=tenants.mallory)
    state = tenants.state()

    def update(parent: str, name: str, **changes: Any) -> grpc.StatusCode:
        request = access_pb2.UpdateBindingRequest(
            parent=parent, binding={"name": name, **changes}, update_mask={"paths": list(changes)}
        )
        return code(lambda: access.UpdateBinding(request, metadata=tenants.mallory))

    assert update(HOME, made.name, resource="") is not OK
    assert update(HOME, made.name, resource=f"tenants/{VICTIM}") is not OK
    assert update(HOME, f"bindings/{VICTIM}", members=[SELF]) is grpc.StatusCode.NOT_FOUND
    assert update("", f"bindings/{VICTIM}", members=[SELF]) is DENIED
    assert update(f"tenants/{VICTIM}", f"bindings/{VICTIM}", members=[SELF]) is DENIED
    for name in (f"bindings/{VICTIM}", "bindings/administrator"):
        delete = access_pb2.DeleteBindingRequest(parent=HOME, name=name)
        assert (
            code(lambda: access.DeleteBinding(delete, metadata=tenants.mallory))  # noqa: B023
            is grpc.StatusCode.NOT_FOUND
        )
        get = access_pb2.GetBindingRequest(parent=HOME, name=name)
        assert (
            code(lambda: access.GetBinding(get, metadata=tenants.mallory))  # noqa: B023
            is grpc.StatusCode.NOT_FOUND
        )
    listed = access.ListBindings(
        access_pb2.ListBindingsRequest(parent=HOME), metadata=tenants.mallory
    )
    assert {each.resource for each in listed.bindings} == {HOME}
    assert tenants.state() == state
    access.DeleteBinding(
        access_pb2.DeleteBindingRequest(parent=HOME, name=made.name), metadata=tenants.mallory
    )


class Callers:
    """Read a record again and again, on connections of their own; note when, and how it ended."""

    def __init__(self, world: World, stack: ExitStack) -> None:
        channels = [
            stack.enter_context(grpc.insecure_channel(world.server.address, OPTIONS))
            for _ in range(CHANNELS)
        ]
        self._stubs = [record_pb2_grpc.RecordServiceStub(channel) for channel in channels]
        self._metadata = world.mallory
        self._stop = threading.Event()
        self.calls: list[tuple[float, float, grpc.StatusCode]] = []

    def read(self, stub: Any) -> grpc.StatusCode:
        name = f"{collection(ATTACKER)}/records/{RECORD}"
        request = record_pb2.GetRecordRequest(name=name)
        begun = time.monotonic()
        found = code(lambda: stub.GetRecord(request, metadata=self._metadata, timeout=TIMEOUT_S))
        self.calls.append((begun, time.monotonic(), found))
        return found

    def all_see(self) -> set[grpc.StatusCode]:
        return {self.read(stub) for stub in self._stubs}

    def keep_calling(self, pool: ThreadPoolExecutor) -> list[Any]:
        return [pool.submit(self._call, stub) for stub in self._stubs]

    def stop(self) -> None:
        self._stop.set()

    def _call(self, stub: Any) -> None:
        while not self._stop.is_set():
            self.read(stub)


def test_what_is_taken_is_gone_on_every_worker_whatever_runs(workers: World) -> None:
    access = access_pb2_grpc.AccessServiceStub(workers.channel)
    denial = access_pb2.CreateBindingRequest(
        binding_id="denial",
        binding={"role": ADMINISTRATOR, "members": [SELF], "resource": HOME, "effect": 2},
    )
    delete = access_pb2.DeleteBindingRequest(name="bindings/denial")
    denied_between: list[tuple[float, float]] = []
    with ExitStack() as stack, ThreadPoolExecutor(CHANNELS) as pool:
        callers = Callers(workers, stack)
        stack.callback(callers.stop)
        assert callers.all_see() == {OK}
        running = callers.keep_calling(pool)
        for _ in range(ROUNDS):
            access.CreateBinding(denial, metadata=workers.admin)
            begun = time.monotonic()
            assert callers.all_see() == {DENIED}
            denied_between.append((begun, time.monotonic()))
            access.DeleteBinding(delete, metadata=workers.admin)
            assert callers.all_see() == {OK}
        callers.stop()
        for each in running:
            each.result()
    assert {found for _, _, found in callers.calls} == {OK, DENIED}
    for start, end in denied_between:
        within = {found for begun, ended, found in callers.calls if start <= begun and ended <= end}
        assert within == {DENIED}
