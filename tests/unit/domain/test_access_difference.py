"""What differs between two policies."""

from dataclasses import replace

from blrcs.domain.access_difference import changed_names, concerned
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding
from blrcs.domain.group import Group
from blrcs.domain.role import Role

HISTORY = {"create_time_ns": 1, "update_time_ns": 1}


def binding(name, role, *members):
    return Binding(name=f"bindings/{name}", role=f"roles/{role}", members=members, **HISTORY)


def policy():
    roles = (
        Role(name="roles/low", permissions=("o.read",)),
        Role(name="roles/mid", included_roles=("roles/low",)),
        Role(name="roles/high", included_roles=("roles/mid",)),
        Role(name="roles/other", permissions=("p",)),
    )
    groups = (
        Group(name="groups/inner", members=("users/a",), **HISTORY),
        Group(name="groups/outer", members=("groups/inner",), **HISTORY),
        Group(name="groups/other", members=("users/b",), **HISTORY),
    )
    bindings = (
        binding("high", "high", "users/x"),
        binding("outer", "other", "groups/outer"),
        binding("other", "other", "groups/other", "users/a"),
    )
    return AccessPolicy(*({each.name: each for each in kind} for kind in (roles, groups, bindings)))


def named(old, new):
    before, after = concerned(old, new)
    return {name.partition("/")[2] for name in before.bindings.keys() | after.bindings.keys()}


def test_names_are_of_what_came_went_or_was_replaced():
    old = {"kept": object(), "replaced": object(), "gone": object()}
    new = {"kept": old["kept"], "replaced": object(), "new": object()}
    assert changed_names(old, new) == {"replaced", "gone", "new"}
    assert changed_names(old, dict(old)) == set()
    assert changed_names(old, old) == set()


def test_a_binding_is_concerned_by_itself():
    old = policy()
    changed = binding("other", "other", "users/c")
    assert named(old, old.with_binding(changed, now_ns=1)) == {"other"}
    assert named(old, old.without("bindings/high", "", now_ns=1)) == {"high"}
    assert named(old, old.with_binding(binding("new", "low", "users/c"), now_ns=1)) == {"new"}


def test_a_binding_is_concerned_by_its_role_and_members_over_any_others():
    old = policy()
    low = replace(old.roles["roles/low"], permissions=("o.write",))
    assert named(old, old.with_role(low)) == {"high"}
    inner = replace(old.groups["groups/inner"], members=("users/c",))
    assert named(old, old.with_group(inner)) == {"outer"}


def test_a_binding_is_concerned_by_what_its_role_and_members_led_to_before():
    old = policy()
    cut = old.with_role(replace(old.roles["roles/mid"], included_roles=()))
    assert named(old, cut) == {"high"}
    emptied = old.with_group(replace(old.groups["groups/outer"], members=()))
    assert named(old, emptied) == {"outer"}


def test_what_differs_alone_is_left():
    old = policy()
    new = old.with_role(replace(old.roles["roles/low"], permissions=("o.write",)))
    before, after = concerned(old, new)
    assert (before.roles, after.roles) == (old.roles, new.roles)
    assert before.bindings == after.bindings == {"bindings/high": old.bindings["bindings/high"]}
    assert concerned(old, replace(old, epoch=9)) == (
        replace(old, bindings={}),
        replace(old, bindings={}, epoch=9),
    )
