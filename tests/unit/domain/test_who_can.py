"""Who holds a permission, against asking about each principal."""

from hypothesis import given, settings
from hypothesis import strategies as st

from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding, Effect
from blrcs.domain.condition.condition import Condition
from blrcs.domain.group import Group
from blrcs.domain.role import Role
from blrcs.domain.who_can import who_can
from tests.unit.domain.test_delegation_model import (
    HISTORY,
    NOW_NS,
    PERMISSIONS,
    PRINCIPALS,
    RESOURCES,
    attempt,
    changes,
    model_of,
)


@st.composite
def policies(draw):
    policy = AccessPolicy()
    for change in draw(st.lists(changes, max_size=10)):
        policy = attempt(policy, change)
    return policy


@given(policies(), st.sampled_from(PERMISSIONS), st.sampled_from(RESOURCES))
@settings(max_examples=300, deadline=None)
def test_it_lists_whom_a_check_allows(policy, permission, resource):
    model = model_of(policy)
    found = {each.principal: each for each in who_can(policy, permission, resource, NOW_NS)}
    everybody = found.get("allAuthenticated")
    for principal in PRINCIPALS:
        allowed = model.check(principal, permission, resource, NOW_NS)
        meant = [each for each in (found.get(principal), everybody) if each is not None]
        meant = [each for each in meant if principal not in each.excepted]
        assert meant or not allowed
        if any(not each.conditional for each in meant):
            assert allowed


def binding(name, *members, **fields):
    return Binding(name=f"bindings/{name}", role="roles/r", members=members, **HISTORY, **fields)


def test_it_names_by_what_they_hold_it():
    policy = AccessPolicy(
        roles={"roles/r": Role(name="roles/r", permissions=("o.*",))},
        groups={
            "groups/all": Group(name="groups/all", members=("groups/devs", "users/b"), **HISTORY),
            "groups/devs": Group(name="groups/devs", members=("users/a", "users/c"), **HISTORY),
        },
        bindings={
            each.name: each
            for each in (
                binding("1", "groups/all", resource="t"),
                binding("2", "users/a"),
                binding("3", "users/c", resource="t/1", effect=Effect.DENY),
                binding("4", "allAuthenticated", condition=Condition("now.getHours() < 9")),
                binding("5", "users/z", expire_time_ns=NOW_NS),
                binding("6", "users/z", resource="t/12"),
                binding("7", "users/b", effect=Effect.DENY, condition=Condition("true")),
            )
        },
    )

    found = {
        each.principal: (
            [(held.binding.name, held.member) for held in each.held_by],
            each.conditional,
            each.excepted,
        )
        for each in who_can(policy, "o.read", "t/1", NOW_NS)
    }

    assert found == {
        "allAuthenticated": ([("bindings/4", "allAuthenticated")], True, ("users/c",)),
        "users/a": ([("bindings/1", "groups/all"), ("bindings/2", "users/a")], False, ()),
        "users/b": ([("bindings/1", "groups/all")], True, ()),
    }
