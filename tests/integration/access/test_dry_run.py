"""Decisions that are recorded, and what another policy would make of them."""

import pytest

from blrcs.assembly.access_house import AccessHouse
from blrcs.database.repositories.decision import SqlDecisionRepository
from blrcs.domain.condition.condition import Condition
from blrcs.domain.errors import DomainError, FailedPreconditionError
from blrcs.v1 import access_pb2
from blrcs_native.calls.call import Principal
from tests.integration.access.access import AccessServer
from tests.unit.application.identity_fakes import NOW_NS
from tests.unit.interceptors.test_authorization import READ as PERMISSION
from tests.unit.interceptors.test_authorization import admits

KEEP_NS = 1_000


@pytest.fixture
def decisions(access):
    return SqlDecisionRepository(access.database, most=4)


@pytest.fixture
def house(access, clock, decisions):
    return AccessHouse(access.store, decisions, clock=clock, keep_expired_ns=KEEP_NS, recorded=3)


def ask(access, *questions):
    for principal, name in questions:
        admits(access.current, Principal(principal), name)


async def test_guards_count_what_they_decide(access, house, decisions, clock):
    await access.role("reader", PERMISSION)
    await access.bind("b", "roles/reader", "users/alice", resource="users/bob")
    ask(access, *[("users/alice", "users/bob")] * 3, ("users/alice", "users/carol"))
    admits(access.current, Principal("users/bob"), "users/bob", or_owner=True)
    admits(access.current, Principal("users/alice", scope=frozenset()), "users/x")
    await house.flush()
    clock.advance(5)
    ask(access, ("users/alice", "users/bob"), ("users/nobody", "users/bob"))
    await house.flush()
    await house.flush()

    found = [
        (each.principal, each.resource, each.allowed, each.count, each.last_time_ns - NOW_NS)
        for each in await decisions.latest(10)
    ]
    assert {each.permission for each in await decisions.latest(10)} == {PERMISSION}
    assert sorted(found) == [
        ("users/alice", "users/bob", True, 4, 5),
        ("users/alice", "users/carol", False, 1, 0),
        ("users/nobody", "users/bob", False, 1, 5),
    ]
    assert len(await decisions.latest(2)) == 2


async def test_what_is_recorded_is_bounded(access, house, decisions, clock):
    ask(access, *[("users/alice", f"users/{number}") for number in range(9)])
    await house.flush()
    assert len(await decisions.latest(10)) == 3
    for number in range(5):
        clock.advance(1)
        ask(access, ("users/bob", f"users/{number}"))
        await house.flush()
    kept = await decisions.latest(10)
    assert [each.resource for each in kept] == [f"users/{number}" for number in (4, 3, 2, 1)]


async def dry_run(access, **candidate):
    found = await access.service.DryRun(access_pb2.DryRunRequest(**candidate), None)
    changes = {
        (each.principal, each.resource): (each.allowed, each.would_be_allowed, each.conditional)
        for each in found.changes
    }
    assert found.change_count == len(changes)
    return changes, found.decision_count


async def test_a_dry_run_says_what_would_change_and_changes_nothing(access, house, clock):
    await access.role("reader", PERMISSION)
    await access.bind("b", "roles/reader", "users/alice", resource="users/bob")
    alice, bob = ("users/alice", "users/bob"), ("users/dave", "users/bob")
    ask(access, alice, bob)
    await house.flush()
    epoch = access.epoch
    binding = {"name": "bindings/n", "role": "roles/reader", "members": ["users/dave"]}

    assert await dry_run(access) == ({}, 2)
    assert await dry_run(access, deleted=["bindings/b"]) == ({alice: (True, False, False)}, 2)
    assert await dry_run(access, bindings=[binding]) == ({bob: (False, True, False)}, 2)
    group = {"name": "groups/g", "members": ["users/dave"]}
    assert await dry_run(
        access, bindings=[binding | {"members": ["groups/g"]}], groups=[group]
    ) == ({bob: (False, True, False)}, 2)
    assert await dry_run(access, roles=[{"name": "roles/reader"}]) == (
        {alice: (True, False, False)},
        2,
    )
    assert await dry_run(access, bindings=[binding | {"effect": 2, "members": ["allUsers"]}]) == (
        {alice: (True, False, False)},
        2,
    )
    by_call = binding | {"condition": {"expression": "request.method != ''"}}
    assert await dry_run(access, bindings=[by_call]) == ({bob: (False, False, True)}, 2)
    assert access.epoch == epoch


@pytest.mark.parametrize(
    "candidate",
    [
        {"bindings": [{"name": "bindings/n", "role": "roles/viewer"}]},
        {"bindings": [{"role": "roles/viewer", "members": ["users/a"]}]},
        {
            "bindings": [
                {
                    "name": "bindings/n",
                    "role": "roles/viewer",
                    "members": ["users/a"],
                    "condition": {"expression": "1"},
                }
            ]
        },
        {"roles": [{"name": "roles/r", "included_roles": ["roles/r"]}]},
        {"roles": [{"name": "roles/viewer", "permissions": ["*"]}]},
        {"roles": [{"name": "roles/r", "included_roles": ["roles/none"]}]},
        {"groups": [{"name": "groups/g", "members": ["groups/none"]}]},
        {"groups": [{"name": "groups/g", "members": ["groups/g"]}]},
        {
            "groups": [
                {"name": f"groups/{n}", "members": [f"groups/{n + 1}"] if n < 8 else []}
                for n in range(9)
            ]
        },
        {"bindings": [{"name": "bindings/n", "role": "roles/none", "members": ["users/a"]}]},
        {"bindings": [{"name": "bindings/n", "role": "roles/viewer", "members": ["groups/none"]}]},
    ],
)
async def test_what_is_no_policy_is_no_candidate(access, candidate):
    with pytest.raises(DomainError):
        await dry_run(access, **candidate)


async def test_expired_bindings_stay_for_a_while(access, house, clock):
    await access.role("reader", PERMISSION)
    seconds = NOW_NS // 10**9 + 1
    await access.bind("b", "roles/reader", "users/a", expire_time={"seconds": seconds})
    await access.bind("c", "roles/reader", "users/a")
    clock.advance(seconds * 10**9 - NOW_NS + KEEP_NS - 1)
    epoch = access.epoch
    await house.purge()
    assert access.epoch == epoch
    clock.advance(1)
    await house.purge()
    assert set(access.store.policy.bindings) == {"bindings/c"}
    assert access.epoch == epoch + 1
    await house.purge()
    assert access.epoch == epoch + 1


async def test_conditions_are_stored_and_outlive_a_restart(store, clock):
    condition = {"expression": "now.getHours() < 9", "title": "Early", "description": "é\U0001f600"}
    async with AccessServer.open(store, clock) as access:
        await access.role("reader", PERMISSION)
        made = await access.bind("b", "roles/reader", "users/a", condition=condition, effect=2)
        assert made.condition == access_pb2.Condition(**condition)
        changed = await access.update("bindings/b", "condition", condition={"expression": "true"})
        assert changed.effect == access_pb2.BINDING_EFFECT_DENY
        cleared = await access.update("bindings/b", "condition", "effect")
        assert not cleared.HasField("condition")
        assert cleared.effect == access_pb2.BINDING_EFFECT_GRANT
        await access.update("bindings/b", "condition", condition=condition)
        with pytest.raises(DomainError):
            await access.update("bindings/b", "condition", condition={"expression": "nobody"})
    async with AccessServer.open(store, clock) as access:
        stored = access.store.policy.bindings["bindings/b"]
        assert stored.condition == Condition(**condition)
        with pytest.raises(FailedPreconditionError):
            await access.update("roles/reader", included_roles=["roles/reader"])
