"""What a delegate may change, case by case."""

from dataclasses import replace

import pytest

from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding, Effect
from blrcs.domain.builtin_roles import ADMINISTRATOR
from blrcs.domain.condition.condition import Condition
from blrcs.domain.delegation import Actor, check_delegation
from blrcs.domain.errors import PermissionDeniedError
from blrcs.domain.group import Group
from blrcs.domain.role import Role

NOW_NS = 1_000
HISTORY = {"create_time_ns": 1, "update_time_ns": 1}
DELEGATE = Actor("users/d")
OFFICE = Condition("now.getHours() < 18")
PERSONAL = Condition("principal.claims.acr == '2'")


def binding(name, role, *members, resource="t/a", **fields):
    return Binding(
        name=f"bindings/{name}",
        role=f"roles/{role}",
        members=members,
        resource=resource,
        **HISTORY,
        **fields,
    )


def role(name, *permissions, included=()):
    return Role(name=f"roles/{name}", permissions=permissions, included_roles=included)


def group(name, *members):
    return Group(name=f"groups/{name}", members=members, **HISTORY)


def denial(name, granted, *members, **fields):
    return binding(name, granted, *members, effect=Effect.DENY, **fields)


def policy(*changed):
    """A delegate that administers ``t/a`` and holds ``o.*`` there; ``changed`` on top."""
    everything = (
        role("delegate", "blrcs.bindings.*", "o.*"),
        role("reader", "o.read"),
        role("all", "*"),
        role("empty"),
        group("team", "users/b"),
        group("idle"),
        binding("root", "administrator", "users/root", resource=""),
        binding("d", "delegate", "users/d"),
        binding("team", "all", "groups/team", resource="t/a/x"),
        *changed,
    )
    kinds = {Role: "roles", Group: "groups", Binding: "bindings"}
    held = {"roles": {}, "groups": {}, "bindings": {}}
    for each in everything:
        held[kinds[type(each)]][each.name] = each
    return AccessPolicy(**held)


def allowed(*changed, old=None, actor=DELEGATE):
    old = old or policy()
    kinds = {Role: "roles", Group: "groups", Binding: "bindings"}
    held = {kind: dict(getattr(old, kind)) for kind in kinds.values()}
    for each in changed:
        if isinstance(each, str):
            del held[each.partition("/")[0]][each]
        else:
            held[kinds[type(each)]][each.name] = each
    try:
        check_delegation(actor, old, AccessPolicy(**held), NOW_NS)
    except PermissionDeniedError:
        return False
    return True


@pytest.mark.parametrize(
    "change",
    [
        binding("n", "reader", "users/b"),
        binding("n", "delegate", "users/b", "allUsers", resource="t/a/x/y"),
        binding("n", "reader", "users/b", expire_time_ns=NOW_NS + 5, condition=OFFICE),
        binding("n", "all", "users/d", expire_time_ns=NOW_NS),
        binding("team", "all", "groups/team", resource="t/a/x/y"),
        binding("team", "reader", "groups/team", resource="t/a"),
        binding("d", "reader", "users/d"),
        "bindings/team",
        role("new", "*"),
        role("all", "o.*"),
        role("reader", "o.*"),
        group("idle", "users/d"),
        group("team"),
        denial("n", "reader", "users/b"),
        denial("n", "all", "users/stranger", resource="t/a/x"),
    ],
    ids=str,
)
def test_a_delegate_gives_and_takes_what_it_holds(change):
    assert allowed(change)


@pytest.mark.parametrize(
    "change",
    [
        binding("n", "all", "users/b"),
        binding("n", "administrator", "users/d"),
        binding("n", "reader", "users/b", resource="t"),
        binding("n", "reader", "users/b", resource="t/ab"),
        binding("n", "reader", "users/b", resource=""),
        binding("team", "all", "groups/team", "users/d", resource="t/a/x"),
        binding("team", "all", "groups/team", resource="t/a"),
        binding("team", "all", "groups/idle", resource="t/a/x"),
        binding("root", "administrator", "users/root", "users/d", resource=""),
        role("delegate", "blrcs.bindings.*", "o.*", "p"),
        role("delegate", included=("roles/all",)),
        role("reader", "o.*", "*"),
        group("team", "users/b", "users/d"),
        group("team", "users/b", "groups/idle"),
        denial("n", "reader", "users/root"),
        denial("n", "reader", "allAuthenticated"),
        denial("n", "reader", "users/b", resource="t"),
        denial("n", "reader", "users/b", resource=""),
    ],
    ids=str,
)
def test_a_delegate_gives_nothing_beyond(change):
    expected = change == role("reader", "o.*", "*")  # which nothing binds
    assert allowed(change) is expected


def test_what_ends_is_given_until_then():
    old = policy(binding("d", "delegate", "users/d", expire_time_ns=NOW_NS + 9))
    assert allowed(binding("n", "reader", "users/b", expire_time_ns=NOW_NS + 9), old=old)
    assert not allowed(binding("n", "reader", "users/b", expire_time_ns=NOW_NS + 10), old=old)
    assert not allowed(binding("n", "reader", "users/b"), old=old)
    assert not allowed(binding("d", "delegate", "users/d"), old=old)


def test_what_has_a_condition_is_given_under_it_if_it_is_not_about_who_asks():
    old = policy(binding("d", "delegate", "users/d", condition=OFFICE))
    assert allowed(binding("n", "reader", "users/b", condition=OFFICE), old=old)
    assert not allowed(binding("n", "reader", "users/b"), old=old)
    assert not allowed(binding("n", "reader", "users/b", condition=PERSONAL), old=old)
    assert not allowed(binding("d", "delegate", "users/d"), old=old)
    old = policy(binding("d", "delegate", "users/d", condition=PERSONAL))
    assert not allowed(binding("n", "reader", "users/b", condition=PERSONAL), old=old)


@pytest.mark.parametrize("resource", ["", "t", "t/a", "t/a/x/deep"])
def test_what_is_denied_a_delegate_it_cannot_give(resource):
    old = policy(denial("no", "reader", "users/d", resource=resource))
    assert not allowed(binding("n", "reader", "users/b"), old=old)
    assert not allowed(binding("n", "delegate", "users/b"), old=old)
    assert not allowed("bindings/no", old=old)
    assert not allowed(denial("no", "empty", "users/d", resource=resource), old=old)
    assert not allowed(denial("no", "reader", "users/x", resource=resource), old=old)
    assert not allowed(role("reader"), old=old)
    over = denial("no", "reader", "users/d", resource=resource, expire_time_ns=NOW_NS)
    assert allowed(binding("n", "reader", "users/b"), old=policy(over))
    elsewhere = denial("no", "reader", "users/d", resource="t/b")
    assert allowed(binding("n", "reader", "users/b"), old=policy(elsewhere))


def test_a_denial_of_others_ends_by_who_holds_it_all_the_while():
    old = policy(denial("no", "reader", "users/b", resource="t/a/x"))
    assert allowed("bindings/no", old=old)
    assert not allowed("bindings/no", old=policy(denial("no", "all", "users/b", resource="t/a/x")))
    for_ever = denial("no", "reader", "users/b", resource="t/a/x")
    assert allowed(denial("no", "reader", "users/b", expire_time_ns=NOW_NS + 1), old=old)
    ending = policy(binding("d", "delegate", "users/d", expire_time_ns=NOW_NS + 9), for_ever)
    assert not allowed("bindings/no", old=ending)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [(None, True), (frozenset({"o.*", "x"}), True), (frozenset({"blrcs.bindings.*"}), False)],
)
def test_a_scope_limits_what_is_given(scope, expected):
    change = binding("n", "reader", "users/b")
    assert allowed(change, actor=Actor("users/d", scope=scope)) is expected


def test_groups_of_an_issuer_are_an_actors_own():
    old = policy(
        group("outer", "groups/inner"), binding("o", "all", "groups/outer", resource="t/b")
    )
    change = binding("n", "all", "users/b", resource="t/b")
    assert not allowed(change, old=old)
    assert not allowed(change, old=old, actor=Actor("users/d", ("groups/idle",)))
    assert allowed(change, old=old, actor=Actor("users/d", ("groups/inner",)))


def test_who_administers_everything_may_do_everything():
    root = Actor("users/root")
    for change in (
        binding("n", "all", "users/b", resource=""),
        denial("n", "reader", "allUsers", resource=""),
        denial("n", "reader", "users/root"),
        role("delegate", "*"),
        "bindings/root",
    ):
        assert allowed(change, actor=root)
    assert ADMINISTRATOR in policy().all_roles


def asked(name, granted, expression, *members, **fields):
    return binding(name, granted, *members, condition=Condition(expression), **fields)


ONCALL = "'groups/idle' in principal.groups"


def test_who_is_in_a_group_that_a_condition_asks_for_is_decided_by_who_holds_what_that_gives():
    wide = policy(asked("c", "all", ONCALL, "users/b"))
    assert not allowed(group("idle", "users/b"), old=wide)
    assert not allowed(group("idle", "groups/team"), old=wide)
    assert allowed(replace(group("idle"), display_name="Idle"), old=wide)
    assert allowed(group("other", "users/b"), old=wide)
    narrow = policy(asked("c", "reader", ONCALL, "users/b"))
    assert allowed(group("idle", "users/b"), old=narrow)
    over = policy(asked("c", "all", ONCALL, "users/b", expire_time_ns=NOW_NS))
    assert allowed(group("idle", "users/b"), old=over)
    assert allowed(group("idle", "users/b"), old=wide, actor=Actor("users/root"))


def test_a_group_within_one_that_a_condition_asks_for_is_no_way_around_it():
    old = policy(group("idle", "groups/in"), group("in"), asked("c", "all", ONCALL, "users/b"))
    assert not allowed(group("in", "users/b"), old=old)


@pytest.mark.parametrize(
    "expression",
    ["!('groups/idle' in principal.groups)", "size(principal.groups) == 0"],
)
def test_a_denial_that_asks_for_a_group_is_not_ended_through_it(expression):
    old = policy(asked("c", "all", expression, "users/b", effect=Effect.DENY))
    assert not allowed(group("idle", "users/b"), old=old)
    assert not allowed("groups/idle", old=old)
    assert allowed(
        group("idle", "users/b"),
        old=policy(asked("c", "reader", expression, "users/stranger", effect=Effect.DENY)),
    )


def test_a_denial_from_above_does_not_begin_through_a_group_either():
    old = policy(
        binding("above", "reader", "users/b", resource=""),
        asked("c", "reader", ONCALL, "users/b", resource="", effect=Effect.DENY),
        binding("all", "all", "users/d", resource="t/a"),
    )
    assert not allowed(group("idle", "users/b"), old=old)


@pytest.mark.parametrize("expression", ["size(principal.groups) > 1", "principal.groups[0] == 'a'"])
def test_a_condition_may_ask_for_every_group(expression):
    old = policy(asked("c", "all", expression, "users/b"))
    assert not allowed(group("new", "users/b"), old=old)
    assert not allowed(group("idle", "users/b"), old=old)


def test_a_tenants_group_counts_within_it_alone():
    def own(home, *members):
        return Group(name=f"{home}/groups/g", members=members, **HISTORY)

    old = policy(
        binding("e", "delegate", "users/d", resource="tenants/a"),
        asked("c", "reader", "size(principal.groups) > 0", "users/b", resource=""),
        asked("o", "all", "'tenants/a/groups/g' in principal.groups", "users/b", resource="t"),
    )
    assert allowed(own("tenants/a", "users/b"), old=old)
    assert not allowed(own("tenants/b", "users/b"), old=old)
    below = asked("c", "all", "size(principal.groups) > 0", "users/b", resource="tenants/a/x")
    assert not allowed(own("tenants/a", "users/b"), old=policy(below))
    assert allowed(own("tenants/b", "users/b"), old=policy(below))
