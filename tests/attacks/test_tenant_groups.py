"""Who administers a tenant tries to reach beyond it by roles and groups of its own."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from blrcs.v1 import access_pb2, access_pb2_grpc, record_pb2, record_pb2_grpc
from tests.attacks.world import ATTACKER, RECORD, VICTIM, World, collection
from tests.e2e.workers import OPTIONS, code

OK = grpc.StatusCode.OK
DENIED = grpc.StatusCode.PERMISSION_DENIED
MISSING = grpc.StatusCode.NOT_FOUND
HOME, FOREIGN = f"tenants/{ATTACKER}", f"tenants/{VICTIM}"
SELF = f"users/{ATTACKER}"
CONNECTIONS = 6


def role(parent: str, role_id: str, **fields: Any) -> access_pb2.CreateRoleRequest:
    return access_pb2.CreateRoleRequest(parent=parent, role_id=role_id, role=fields)


def group(parent: str, group_id: str, *members: str) -> access_pb2.CreateGroupRequest:
    return access_pb2.CreateGroupRequest(
        parent=parent, group_id=group_id, group={"members": members}
    )


def binding(binding_id: str, **fields: Any) -> access_pb2.CreateBindingRequest:
    return access_pb2.CreateBindingRequest(
        parent=HOME,
        binding_id=binding_id,
        binding={"role": "roles/viewer", "members": [SELF], "resource": HOME, **fields},
    )


NAMING = {
    "a role bound": lambda own: binding("x", role=f"{FOREIGN}/roles/{own}"),
    "a group bound": lambda own: binding("x", members=[f"{FOREIGN}/groups/{own}"]),
    "a role included": lambda own: role(HOME, "x", included_roles=[f"{FOREIGN}/roles/{own}"]),
    "a group contained": lambda own: group(HOME, "x", f"{FOREIGN}/groups/{own}"),
}
READING = {
    "a role got": lambda own: access_pb2.GetRoleRequest(name=f"{FOREIGN}/roles/{own}"),
    "a group got": lambda own: access_pb2.GetGroupRequest(name=f"{FOREIGN}/groups/{own}"),
    "a role deleted": lambda own: access_pb2.DeleteRoleRequest(name=f"{FOREIGN}/roles/{own}"),
    "a group deleted": lambda own: access_pb2.DeleteGroupRequest(name=f"{FOREIGN}/groups/{own}"),
    "a group changed": lambda own: access_pb2.UpdateGroupRequest(
        group={"name": f"{FOREIGN}/groups/{own}", "members": [SELF]}
    ),
    "a role changed": lambda own: access_pb2.UpdateRoleRequest(
        role={"name": f"{FOREIGN}/roles/{own}", "permissions": ["*"]}
    ),
}


def answer(world: World, request: Any, metadata: Any) -> tuple[Any, ...]:
    """All that the answer tells, but for the time of day."""
    method = type(request).__name__.removesuffix("Request")
    found, text, trailers, reply = world.call(
        f"/blrcs.v1.AccessService/{method}", request.SerializeToString(), metadata
    )
    details = trailers.get("grpc-status-details-bin", b"")
    return found, text, details, reply


@pytest.mark.parametrize("asked", NAMING | READING)
def test_what_is_anothers_and_what_is_nowhere_have_one_answer(tenants: World, asked: str) -> None:
    state = tenants.state()
    expected = MISSING if asked in NAMING else DENIED
    answers = []
    for own in ("own", "not"):  # of one length
        told = answer(tenants, (NAMING | READING)[asked](own), tenants.mallory)
        assert told[0] is expected
        answers.append([repr(each).replace(f"/{own}", "/?") for each in told])
    assert answers[0] == answers[1]
    assert tenants.state() == state


def test_nobody_puts_into_a_role_what_it_does_not_hold(tenants: World) -> None:
    """Bound or not: who may make roles and bindings alone makes no role that may more."""
    access = access_pb2_grpc.AccessServiceStub(tenants.channel)
    delegate = f"tenants/{VICTIM}"
    access.CreateRole(
        role(delegate, "delegate", permissions=["blrcs.roles.*", "blrcs.bindings.*"]),
        metadata=tenants.alice,
    )
    access.CreateBinding(
        access_pb2.CreateBindingRequest(
            parent=delegate,
            binding_id="delegate",
            binding={
                "role": f"{delegate}/roles/delegate",
                "members": [SELF],
                "resource": delegate,
            },
        ),
        metadata=tenants.alice,
    )
    state = tenants.state()
    wanted = [
        role(delegate, "wide", permissions=["*"]),
        role(delegate, "wide", permissions=["blrcs.records.get"]),
        role(delegate, "wide", included_roles=["roles/administrator"]),
        role(delegate, "wide", included_roles=["roles/records.editor"]),
    ]
    for request in wanted:
        assert answer(tenants, request, tenants.mallory)[0] is DENIED
    update = access_pb2.UpdateRoleRequest(
        role={"name": f"{delegate}/roles/delegate", "permissions": ["blrcs.*"]}
    )
    assert answer(tenants, update, tenants.mallory)[0] is DENIED
    assert tenants.state() == state
    narrow = role(delegate, "narrow", permissions=["blrcs.roles.get"])
    assert answer(tenants, narrow, tenants.mallory)[0] is OK
    for name in ("bindings/delegate",):
        access.DeleteBinding(
            access_pb2.DeleteBindingRequest(parent=delegate, name=name), metadata=tenants.alice
        )
    for own in ("narrow", "delegate"):
        access.DeleteRole(
            access_pb2.DeleteRoleRequest(name=f"{delegate}/roles/{own}"), metadata=tenants.alice
        )


def test_a_tenant_owns_so_many_roles_and_no_more(tenants: World) -> None:
    access = access_pb2_grpc.AccessServiceStub(tenants.channel)
    wide = [f"p{number}" for number in range(1000)]
    made = [
        access.CreateRole(role(HOME, f"wide{n}", permissions=wide), metadata=tenants.mallory).name
        for n in range(10)
    ]
    state = tenants.state()
    more = role(HOME, "wide10", permissions=["p"])
    assert answer(tenants, more, tenants.mallory)[0] is grpc.StatusCode.FAILED_PRECONDITION
    assert answer(tenants, role("", "wide10"), tenants.mallory)[0] is DENIED
    assert tenants.state() == state
    foreign = role(FOREIGN, "theirs", permissions=["p"])
    assert answer(tenants, foreign, tenants.alice)[0] is OK
    access.DeleteRole(
        access_pb2.DeleteRoleRequest(name=f"{FOREIGN}/roles/theirs"), metadata=tenants.alice
    )
    for name in made:
        access.DeleteRole(access_pb2.DeleteRoleRequest(name=name), metadata=tenants.mallory)


@pytest.fixture
def administered(workers: World) -> Iterator[World]:
    """Two workers, where Alice administers her tenant."""
    access = access_pb2_grpc.AccessServiceStub(workers.channel)
    made = access.CreateBinding(
        access_pb2.CreateBindingRequest(
            binding={
                "role": "roles/administrator",
                "members": [f"users/{VICTIM}"],
                "resource": FOREIGN,
            }
        ),
        metadata=workers.admin,
    )
    yield workers
    access.DeleteBinding(access_pb2.DeleteBindingRequest(name=made.name), metadata=workers.admin)


def test_a_member_more_or_less_counts_on_every_worker_at_once(administered: World) -> None:
    """Alice makes a role and a group in her tenant, and lets Mallory read: while he is in it."""
    access = access_pb2_grpc.AccessServiceStub(administered.channel)
    access.CreateRole(
        role(FOREIGN, "reader", permissions=["blrcs.records.get"]), metadata=administered.alice
    )
    access.CreateGroup(group(FOREIGN, "guests"), metadata=administered.alice)
    bound = access.CreateBinding(
        access_pb2.CreateBindingRequest(
            parent=FOREIGN,
            binding={
                "role": f"{FOREIGN}/roles/reader",
                "members": [f"{FOREIGN}/groups/guests"],
                "resource": collection(VICTIM),
            },
        ),
        metadata=administered.alice,
    )
    name = f"{collection(VICTIM)}/records/{RECORD}"
    channels = [
        grpc.insecure_channel(administered.server.address, OPTIONS) for _ in range(CONNECTIONS)
    ]

    def all_see() -> set[grpc.StatusCode]:
        stubs = [record_pb2_grpc.RecordServiceStub(channel) for channel in channels]
        request = record_pb2.GetRecordRequest(name=name)
        return {
            code(lambda: stub.GetRecord(request, metadata=administered.mallory))  # noqa: B023
            for stub in stubs
        }

    assert all_see() == {DENIED}
    for members, expected in (([SELF], OK), ([], DENIED), ([SELF], OK), ([], DENIED)):
        update = access_pb2.UpdateGroupRequest(
            group={"name": f"{FOREIGN}/groups/guests", "members": members},
            update_mask={"paths": ["members"]},
        )
        access.UpdateGroup(update, metadata=administered.alice)
        assert all_see() == {expected}
    for channel in channels:
        channel.close()
    admin = administered.admin
    access.DeleteBinding(access_pb2.DeleteBindingRequest(name=bound.name), metadata=admin)
    access.DeleteGroup(
        access_pb2.DeleteGroupRequest(name=f"{FOREIGN}/groups/guests"), metadata=admin
    )
    access.DeleteRole(access_pb2.DeleteRoleRequest(name=f"{FOREIGN}/roles/reader"), metadata=admin)
