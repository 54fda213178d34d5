from dataclasses import replace

import pytest

from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding, Effect
from blrcs.domain.builtin_roles import ADMINISTRATOR, BUILTIN_ROLES, VIEWER
from blrcs.domain.condition.condition import Condition
from blrcs.domain.errors import (
    AbortedError,
    AlreadyExistsError,
    FailedPreconditionError,
    NotFoundError,
)
from blrcs.domain.group import Group
from blrcs.domain.policy_rules import MAX_CONDITIONAL, MAX_NESTING
from blrcs.domain.role import Role
from blrcs_native.access import MAX_GROUP_DEPTH

NOW_NS = 1_000
TIMES = {"create_time_ns": 1, "update_time_ns": 1}
EMPTY = AccessPolicy()


def role(name, *included, permissions=()):
    return Role(name=f"roles/{name}", permissions=permissions, included_roles=included, **TIMES)


def group(name, *members):
    return Group(name=f"groups/{name}", members=members, **TIMES)


def binding(name, *members, role=VIEWER, **fields):
    return Binding(name=f"bindings/{name}", role=role, members=members, **(TIMES | fields))


def administrator(name, *members, **fields):
    return binding(name, *members, role=ADMINISTRATOR, **fields)


def policy_of(*resources):
    policy = EMPTY
    for each in resources:
        if isinstance(each, Role):
            policy = policy.with_role(each)
        elif isinstance(each, Group):
            policy = policy.with_group(each)
        else:
            policy = policy.with_binding(each, now_ns=NOW_NS)
    return policy


def reason_of(change):
    with pytest.raises(FailedPreconditionError) as caught:
        change()
    return caught.value.reason


def test_every_change_is_another_epoch_and_leaves_the_old_policy_alone():
    first = policy_of(role("a"), group("g"), binding("b", "users/u"))

    second = first.without("roles/a", "").without("groups/g", "")
    third = second.without("bindings/b", "", now_ns=NOW_NS)

    assert [each.epoch for each in (EMPTY, first, second, third)] == [0, 3, 5, 6]
    assert (list(first.roles), list(first.groups)) == (["roles/a"], ["groups/g"])
    assert not any((third.roles, third.groups, third.bindings))


@pytest.mark.parametrize("name", BUILTIN_ROLES)
def test_builtin_roles_are_there_and_stay_as_they_are(name):
    imitation = Role(name=name, **TIMES)

    EMPTY.refuse_taken(imitation)
    assert reason_of(lambda: EMPTY.with_role(imitation)) == "ROLE_BUILTIN"
    assert reason_of(lambda: EMPTY.without(name, "")) == "ROLE_BUILTIN"
    assert EMPTY.all_roles[name].builtin
    assert EMPTY.all_roles[name].etag == ""


def test_a_name_is_taken_once():
    resources = role("a"), group("a"), binding("a", "users/u")
    policy = policy_of(*resources)

    for each in resources:
        EMPTY.refuse_taken(each)
        with pytest.raises(AlreadyExistsError, match=each.name):
            policy.refuse_taken(each)


def test_what_is_named_exists():
    for change in (
        lambda: EMPTY.with_role(role("a", "roles/none")),
        lambda: EMPTY.with_group(group("a", "groups/none")),
        lambda: EMPTY.with_binding(binding("a", "groups/none"), now_ns=NOW_NS),
        lambda: EMPTY.with_binding(binding("a", "users/u", role="roles/none"), now_ns=NOW_NS),
    ):
        with pytest.raises(NotFoundError, match="none"):
            change()


def test_principals_are_names_and_need_not_exist():
    policy = policy_of(
        group("g", "users/nobody"), binding("b", "serviceAccounts/none", "allUsers"), role("r")
    )

    assert policy.bindings["bindings/b"].members == ("serviceAccounts/none", "allUsers")


def test_roles_that_include_each_other_are_refused():
    policy = policy_of(role("a"), role("b", "roles/a"), role("c", "roles/b", VIEWER))

    assert reason_of(lambda: EMPTY.with_role(role("a", "roles/a"))) == "ROLE_CYCLE"
    assert reason_of(lambda: policy.with_role(role("a", "roles/c"))) == "ROLE_CYCLE"
    assert policy.with_role(role("c", "roles/a", "roles/b")).epoch == 4


def test_groups_that_contain_each_other_are_refused():
    policy = policy_of(group("a"), group("b", "groups/a"), group("c", "groups/b", "users/u"))

    def change(changed):
        return policy.with_group(changed)

    assert reason_of(lambda: change(group("d", "groups/d"))) == "GROUP_CYCLE"
    assert reason_of(lambda: change(group("a", "groups/c"))) == "GROUP_CYCLE"
    assert change(group("c", "groups/a", "groups/b")).epoch == 4


def test_groups_nest_as_deep_as_the_table_follows_them():
    policy = policy_of(group("g1"))
    for depth in range(2, MAX_GROUP_DEPTH + 1):
        policy = policy.with_group(group(f"g{depth}", f"groups/g{depth - 1}"))

    too_deep = group("top", f"groups/g{MAX_GROUP_DEPTH}")
    assert MAX_NESTING == MAX_GROUP_DEPTH
    assert reason_of(lambda: policy.with_group(too_deep)) == "GROUP_TOO_DEEP"
    below = policy.with_group(group("x"))
    lengthened = group("g1", "groups/x")
    assert reason_of(lambda: below.with_group(lengthened)) == "GROUP_TOO_DEEP"


def test_the_ways_through_groups_are_not_walked_one_by_one():
    """There are 30 ** 7 of them; the test ends because each group is looked at once."""
    policy, above = EMPTY, ()
    for level in range(MAX_NESTING):
        layer = {f"groups/{level}-{n}": group(f"{level}-{n}", *above) for n in range(30)}
        policy = replace(policy, groups={**policy.groups, **layer})
        above = tuple(layer)

    changed = policy.with_binding(administrator("b", *above), now_ns=NOW_NS)
    changed = changed.with_group(group("one-more", "groups/0-0"))

    assert changed.epoch == 2


def test_what_is_in_use_stays():
    policy = policy_of(
        role("bound"),
        role("included"),
        role("r", "roles/included"),
        group("bound"),
        group("nested"),
        group("g", "groups/nested"),
        binding("b", "groups/bound", role="roles/bound"),
    )

    for name in ("roles/bound", "roles/included"):
        assert reason_of(lambda name=name: policy.without(name, "")) == "ROLE_IN_USE"
    for name in ("groups/bound", "groups/nested"):
        assert reason_of(lambda name=name: policy.without(name, "")) == "GROUP_IN_USE"
    assert "roles/r" not in policy.without("roles/r", "").roles
    assert "groups/g" not in policy.without("groups/g", "").groups


def test_deleting_asks_for_the_etag_and_for_existence():
    policy = policy_of(role("a"), group("a"), binding("a", "users/u"))
    deletions = {
        "roles": policy.without,
        "groups": policy.without,
        "bindings": lambda name, etag: policy.without(name, etag, now_ns=NOW_NS),
    }

    for collection, delete in deletions.items():
        stored = getattr(policy, collection)[f"{collection}/a"]
        with pytest.raises(AbortedError):
            delete(f"{collection}/a", "another")
        with pytest.raises(NotFoundError):
            delete(f"{collection}/none", "")
        assert not getattr(delete(f"{collection}/a", stored.etag), collection)


LAST = administrator("last", "users/root", "allUsers")
OTHERS = {
    "a member that is no user": administrator("other", "serviceAccounts/s", "allAuthenticated"),
    "another resource": administrator("other", "users/u", resource="orders"),
    "another role": binding("other", "users/u"),
    "a binding that has expired": administrator("other", "users/u", expire_time_ns=NOW_NS),
    "a binding that expires": administrator("other", "users/u", expire_time_ns=NOW_NS + 1),
    "a group of no users": administrator("other", "groups/robots"),
}
ROBOTS = group("robots", "serviceAccounts/s")


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_nothing_stands_in_for_the_last_administrator(other):
    policy = policy_of(ROBOTS, LAST, other)

    for change in (
        lambda: policy.without(LAST.name, "", now_ns=NOW_NS),
        lambda: policy.with_binding(replace(LAST, role=VIEWER), now_ns=NOW_NS),
        lambda: policy.with_binding(replace(LAST, resource="orders"), now_ns=NOW_NS),
        lambda: policy.with_binding(replace(LAST, members=("allUsers",)), now_ns=NOW_NS),
        lambda: policy.with_binding(replace(LAST, expire_time_ns=NOW_NS), now_ns=NOW_NS),
        lambda: policy.with_binding(replace(LAST, expire_time_ns=NOW_NS + 1), now_ns=NOW_NS),
    ):
        assert reason_of(change) == "LAST_ADMINISTRATOR"


def test_an_administrator_may_go_while_another_one_stays():
    people = group("people", "groups/inner")
    policy = policy_of(
        group("inner", "users/u"), people, LAST, administrator("other", "groups/people")
    )

    assert LAST.name not in policy.without(LAST.name, "", now_ns=NOW_NS).bindings


def test_the_last_administrator_does_not_leave_by_a_group_either():
    people = group("people", "users/root")
    policy = policy_of(people, administrator("last", "groups/people"))

    emptied = replace(people, members=("serviceAccounts/s",))
    assert reason_of(lambda: policy.with_group(emptied)) == "LAST_ADMINISTRATOR"
    renamed = replace(people, display_name="People", members=("users/other",))
    assert policy.with_group(renamed).epoch == 3


def test_the_last_of_those_that_expire_stays_until_it_does():
    expiring = administrator("last", "users/root", expire_time_ns=NOW_NS + 1)
    policy = policy_of(expiring)

    def delete(now_ns):
        return policy.without(expiring.name, "", now_ns=now_ns)

    assert reason_of(lambda: delete(NOW_NS)) == "LAST_ADMINISTRATOR"
    assert not delete(NOW_NS + 1).bindings


def test_a_principal_that_is_gone_leaves_nothing_to_inherit():
    policy = policy_of(
        group("g", "users/gone", "users/stays"),
        group("alone", "users/gone"),
        administrator("alone", "users/gone"),
        binding("both", "users/gone", "users/stays"),
        binding("other", "users/gone2"),
    )

    after = policy.without_principal("users/gone", now_ns=NOW_NS)

    assert after.epoch == policy.epoch + 1
    assert {name: each.members for name, each in after.groups.items()} == {
        "groups/g": ("users/stays",),
        "groups/alone": (),
    }
    assert {name: each.members for name, each in after.bindings.items()} == {
        "bindings/both": ("users/stays",),
        "bindings/other": ("users/gone2",),
    }
    touched = after.bindings["bindings/both"]
    assert (touched.revision, touched.update_time_ns) == (2, NOW_NS)
    assert after.bindings["bindings/other"] is policy.bindings["bindings/other"]


def test_forgetting_somebody_unknown_changes_nothing():
    policy = policy_of(group("g", "users/a"), binding("b", "users/a"))

    assert policy.without_principal("users/unknown", now_ns=NOW_NS) is policy


def denial(name, *members, **fields):
    return binding(name, *members, effect=Effect.DENY, **fields)


@pytest.mark.parametrize(
    "denied",
    [
        denial("d", "users/root", role=ADMINISTRATOR),
        denial("d", "users/root", role=ADMINISTRATOR, resource="bindings"),
        denial("d", "users/root", role=ADMINISTRATOR, resource="bindings/d"),
        denial("d", "allAuthenticated", role=ADMINISTRATOR),
        denial("d", "allUsers", role=ADMINISTRATOR),
        denial("d", "groups/everyone", role=ADMINISTRATOR),
        denial("d", "users/root", role="roles/mender"),
        denial("d", "users/root", role=ADMINISTRATOR, condition=Condition("false")),
        denial("d", "users/root", role=ADMINISTRATOR, expire_time_ns=NOW_NS + 1),
    ],
)
def test_the_last_administrator_cannot_be_denied_what_mends_bindings(denied):
    policy = policy_of(
        role("mender", permissions=("blrcs.bindings.delete",)),
        group("everyone", "users/root", "users/other"),
        administrator("a", "users/root"),
    )
    assert reason_of(lambda: policy.with_binding(denied, now_ns=NOW_NS)) == "LAST_ADMINISTRATOR"
    if denied.members not in {("allAuthenticated",), ("allUsers",)}:
        safe = policy.with_binding(administrator("b", "users/second"), now_ns=NOW_NS)
        safe = safe.with_binding(denied, now_ns=NOW_NS)
        assert reason_of(lambda: safe.without("bindings/b", "", now_ns=NOW_NS))


def test_an_administrator_may_be_denied_what_it_needs_not():
    policy = policy_of(role("r", permissions=("orders.*",)), administrator("a", "users/root"))
    for denied in (
        denial("d", "users/root", role="roles/r"),
        denial("d", "users/root", role=ADMINISTRATOR, resource="tenants/a"),
        denial("d", "users/other", role=ADMINISTRATOR),
        denial("d", "users/root", role=ADMINISTRATOR, expire_time_ns=NOW_NS),
    ):
        policy = policy.with_binding(denied, now_ns=NOW_NS)
    widened = role("r", permissions=("orders.*", "blrcs.bindings.*"))
    policy = policy.with_binding(denial("e", "users/root", role="roles/r"), now_ns=NOW_NS)
    assert reason_of(lambda: policy.with_role(widened)) == "LAST_ADMINISTRATOR"


def test_an_administrator_by_a_condition_is_none_that_one_can_count_on():
    policy = policy_of(administrator("a", "users/root"))
    only = administrator("a", "users/root", condition=Condition("now.getHours() > 8"))
    assert reason_of(lambda: policy.with_binding(only, now_ns=NOW_NS)) == "LAST_ADMINISTRATOR"


def test_bindings_with_conditions_are_bounded():
    many = {
        f"bindings/b{number}": binding(f"b{number}", "users/u", condition=Condition("true"))
        for number in range(MAX_CONDITIONAL)
    }
    policy = AccessPolicy(bindings=many)
    another = binding("another", "users/u", condition=Condition("true"))
    assert reason_of(lambda: policy.with_binding(another, now_ns=NOW_NS)) == "TOO_MANY_CONDITIONS"
    policy.with_binding(many["bindings/b0"], now_ns=NOW_NS)
    policy.with_binding(binding("plain", "users/u"), now_ns=NOW_NS)
    policy.with_binding(replace(another, resource="tenants/a"), now_ns=NOW_NS)
    in_a_tenant = {name: replace(each, resource="tenants/a/x") for name, each in many.items()}
    full = AccessPolicy(bindings=in_a_tenant)
    full.with_binding(another, now_ns=NOW_NS)
    full.with_binding(replace(another, resource="tenants/b"), now_ns=NOW_NS)
    more = replace(another, resource="tenants/a")
    assert reason_of(lambda: full.with_binding(more, now_ns=NOW_NS)) == "TOO_MANY_CONDITIONS"


def test_a_group_that_a_condition_names_is_not_deleted():
    asked = Condition("!('groups/g' in principal.groups || principal.groups == ['groups/h'])")
    groups = (group("g"), group("h"), group("free"))
    policy = policy_of(*groups, binding("b", "users/u", condition=asked))
    for name in ("groups/g", "groups/h"):
        assert reason_of(lambda name=name: policy.without(name, "")) == "GROUP_IN_USE"
    assert "groups/free" not in policy.without("groups/free", "").groups
    other = Condition("request.message.groups == 'groups/g'")
    unasked = policy_of(group("g"), binding("b", "users/u", condition=other))
    assert not unasked.without("groups/g", "").groups


def test_a_condition_keeps_no_group_of_another_tenant():
    own = Group(name="tenants/a/groups/g", **TIMES)
    asked = Condition("'tenants/a/groups/g' in principal.groups")
    elsewhere = binding("b", "users/u", resource="tenants/b", condition=asked)
    assert not policy_of(own, elsewhere).without(own.name, "").groups
    within = policy_of(own, replace(elsewhere, resource="tenants/a/x"))
    assert reason_of(lambda: within.without(own.name, "")) == "GROUP_IN_USE"
