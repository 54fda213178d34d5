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
        meant = found.get(principal, everybody)
        if meant is None or principal in meant.excepted:
            assert not allowed
        elif not meant.conditional:
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


def told(*bindings):
    policy = AccessPolicy(
        roles={"roles/r": Role(name="roles/r", permissions=("o.*",))},
        groups={"groups/g": Group(name="groups/g", members=("users/b",), **HISTORY)},
        bindings={each.name: each for each in bindings},
    )
    return {
        each.principal: ([held.binding.name for held in each.held_by], each.conditional)
        for each in who_can(policy, "o.read", "t", NOW_NS)
    }


SOMETIMES = Condition("now.getHours() < 9")


def test_who_may_be_denied_what_all_hold_is_named():
    assert told(
        binding("1", "allAuthenticated"),
        binding("2", "users/a", "groups/g", effect=Effect.DENY, condition=SOMETIMES),
        binding("3", "users/c", effect=Effect.DENY, condition=SOMETIMES),
        binding("4", "users/c", effect=Effect.DENY),
    ) == {
        "allAuthenticated": (["bindings/1"], False),
        "users/a": (["bindings/1"], True),
        "users/b": (["bindings/1"], True),
    }
    assert told(binding("2", "users/a", effect=Effect.DENY, condition=SOMETIMES)) == {}


def test_what_all_hold_holds_who_is_named_without_a_condition():
    assert told(
        binding("1", "allUsers"),
        binding("2", "users/a", "allAuthenticated", condition=SOMETIMES),
    ) == {
        "allUsers": (["bindings/1"], False),
        "allAuthenticated": (["bindings/2"], False),
        "users/a": (["bindings/2"], False),
    }
    assert told(
        binding("1", "allUsers", condition=SOMETIMES), binding("2", "allAuthenticated")
    ) == {"allUsers": (["bindings/1"], True), "allAuthenticated": (["bindings/2"], False)}
