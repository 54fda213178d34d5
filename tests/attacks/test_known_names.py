"""Who administers a tenant tries names, to learn which roles and groups there are elsewhere."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from blrcs.v1 import access_pb2, access_pb2_grpc
from tests.attacks.test_tenant_groups import HOME, MISSING, OK, answer, binding, role
from tests.attacks.world import ATTACKER, VICTIM, World

GUESSES: dict[str, Callable[[str], Any]] = {
    "a role bound": lambda name: binding("guess", role=f"roles/{name}"),
    "a role denied": lambda name: binding(
        "guess", role=f"roles/{name}", effect="BINDING_EFFECT_DENY"
    ),
    "a role bound with a group": lambda name: binding(
        "guess", role=f"roles/{name}", members=["groups/nowhere"]
    ),
    "a role included": lambda name: role(HOME, "guess", included_roles=[f"roles/{name}"]),
    "a group bound": lambda name: binding("guess", members=[f"groups/{name}"]),
    "a group denied": lambda name: binding(
        "guess", members=[f"groups/{name}"], effect="BINDING_EFFECT_DENY"
    ),
}
SECRET, NOWHERE = "secret", "absent"  # of one length


@pytest.fixture
def hidden(tenants: World) -> Iterator[World]:
    """With a role and a group of the root that no tenant has to do with."""
    access = access_pb2_grpc.AccessServiceStub(tenants.channel)
    access.CreateRole(
        access_pb2.CreateRoleRequest(
            role_id=SECRET, role={"permissions": ["blrcs.users.resetPassword"]}
        ),
        metadata=tenants.admin,
    )
    access.CreateGroup(
        access_pb2.CreateGroupRequest(group_id=SECRET, group={"members": [f"users/{VICTIM}"]}),
        metadata=tenants.admin,
    )
    yield tenants
    access.DeleteRole(access_pb2.DeleteRoleRequest(name=f"roles/{SECRET}"), metadata=tenants.admin)
    access.DeleteGroup(
        access_pb2.DeleteGroupRequest(name=f"groups/{SECRET}"), metadata=tenants.admin
    )


def told(world: World, request: Any) -> tuple[Any, list[str]]:
    """The code, and all of the answer with the name that was tried left out."""
    found = answer(world, request, world.mallory)
    texts = [repr(each).replace(f"/{SECRET}", "/?").replace(f"/{NOWHERE}", "/?") for each in found]
    return found[0], texts


@pytest.mark.parametrize("guess", GUESSES)
def test_what_there_is_and_what_is_nowhere_have_one_answer(hidden: World, guess: str) -> None:
    state = hidden.state()
    code, texts = told(hidden, GUESSES[guess](SECRET))
    assert code is MISSING
    assert told(hidden, GUESSES[guess](NOWHERE)) == (code, texts)
    assert hidden.state() == state


def test_a_member_may_be_anybody_or_nobody(hidden: World) -> None:
    access = access_pb2_grpc.AccessServiceStub(hidden.channel)
    for member in (f"users/{VICTIM}", "users/nobody", "serviceAccounts/nobody"):
        request = binding("guess", members=[member])
        assert told(hidden, request)[0] is OK
        access.DeleteBinding(
            access_pb2.DeleteBindingRequest(name="bindings/guess"), metadata=hidden.admin
        )


def test_what_the_root_has_bound_in_a_tenant_is_known_there(hidden: World) -> None:
    access = access_pb2_grpc.AccessServiceStub(hidden.channel)
    given = binding("given", role=f"roles/{SECRET}", members=[f"groups/{SECRET}"])
    # The root's administrator may name what it can read, in a tenant too.
    assert answer(hidden, given, hidden.admin)[0] is OK
    assert told(hidden, binding("guess", members=[f"groups/{SECRET}"]))[0] is OK
    assert told(hidden, binding("more", role=f"roles/{SECRET}"))[0] is OK
    for each in ("given", "guess", "more"):
        access.DeleteBinding(
            access_pb2.DeleteBindingRequest(name=f"bindings/{each}"), metadata=hidden.admin
        )


def test_a_group_that_one_is_in_is_known(hidden: World) -> None:
    access = access_pb2_grpc.AccessServiceStub(hidden.channel)
    access.UpdateGroup(
        access_pb2.UpdateGroupRequest(
            group={"name": f"groups/{SECRET}", "members": [f"users/{ATTACKER}"]},
            update_mask={"paths": ["members"]},
        ),
        metadata=hidden.admin,
    )
    assert told(hidden, binding("guess", members=[f"groups/{SECRET}"]))[0] is OK
    access.DeleteBinding(
        access_pb2.DeleteBindingRequest(name="bindings/guess"), metadata=hidden.admin
    )
