"""The access table answers every question as a brute-force model does."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blrcs_native.access.spec import ANONYMOUS
from blrcs_native.access.table import AccessTable, BindingSpec, GroupSpec, RoleSpec
from tests.unit.native.access.access_factory import NOW_NS
from tests.unit.native.access.access_model import AccessModel, covers, home_of

PERMISSIONS = ["a", "a.b", "a.b.c", "a.c", "b", "b.c", "aa", "aa.b"]
PATTERNS = [*PERMISSIONS, "*", "a.*", "a.b.*", "b.*"]
PRINCIPALS = ["users/0", "users/1", "users/2", "serviceAccounts/0", "users/nobody", ANONYMOUS]
IMPOSTORS = ["groups/0", "tenants/1/groups/4", "groups/none", "allUsers", "allAuthenticated"]
SPECIAL = ["allUsers", "allAuthenticated"]
ROLES = ["tenants/1/roles/0", *(f"role{number}" for number in range(1, 5)), "tenants/1/roles/5"]
GROUPS = [*(f"groups/{number}" for number in range(4)), "tenants/1/groups/4", "tenants/1/groups/5"]
SEGMENTS = ["tenants", "1", "10", "é"]
RESOURCES = [
    "/".join(path) for size in range(4) for path in itertools.product(SEGMENTS, repeat=size)
]
OWNED = [each for each in RESOURCES if each.startswith("tenants/1")]
"""Most of which lie in the tenant that has roles and groups of its own."""

ISSUED = st.sampled_from(
    [
        (),
        (),
        ("groups/0",),
        ("groups/none", "groups/3"),
        ("groups/1", "groups/1"),
        ("tenants/1/groups/4", "groups/2"),
    ]
)


def some(values: list[str], most: int = 3) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), max_size=most, unique=True)


@st.composite
def worlds(draw: st.DrawFn) -> AccessModel:
    roles = [
        RoleSpec(name, draw(some(PATTERNS)), draw(some([*ROLES[:number], "undefined"], 2)))
        for number, name in enumerate(ROLES[: draw(st.integers(0, 6))])
    ]
    groups = [
        GroupSpec(name, draw(some([*PRINCIPALS[:4], *GROUPS, "groups/none"])))
        for name in GROUPS[: draw(st.integers(0, 6))]
    ]
    bindings = [
        BindingSpec(
            f"binding{number}",
            draw(st.sampled_from([*ROLES, "undefined"])),
            draw(some([*PRINCIPALS[:4], *GROUPS, *SPECIAL], 2)),
            draw(st.sampled_from([*RESOURCES, *OWNED * 4])),
            draw(st.sampled_from([None, None, -1, 0, NOW_NS - 1, NOW_NS, NOW_NS + 1])),
            draw(st.sampled_from([False, False, False, True])),
        )
        for number in range(draw(st.integers(0, 8)))
    ]
    return AccessModel(roles, groups, bindings)


def table_of(model: AccessModel, now_ns: int = NOW_NS) -> AccessTable:
    return AccessTable(model.roles, model.groups, model.bindings, clock=lambda: now_ns)


questions = st.tuples(
    st.sampled_from([*PRINCIPALS, *IMPOSTORS]),
    st.sampled_from([*PERMISSIONS, "b.c.d", "zz"]),
    st.sampled_from([*RESOURCES, *OWNED * 4]),
)


@given(worlds(), st.lists(questions, min_size=20, max_size=40), ISSUED)
def test_check_equals_the_model(model, asked, groups):
    table = table_of(model)
    for question in asked:
        expected = model.check(*question, NOW_NS, groups)
        assert table.check(*question, groups=groups) is expected, question


@given(worlds(), ISSUED)
def test_holds_anywhere_equals_the_model(model, groups):
    table = table_of(model)
    for principal in [*PRINCIPALS, *IMPOSTORS]:
        for permission in [*PERMISSIONS, "zz"]:
            expected = model.holds_anywhere(principal, permission, NOW_NS, groups)
            assert table.holds_anywhere(principal, permission, groups=groups) is expected


@given(worlds(), st.sampled_from([*PRINCIPALS, *IMPOSTORS]), st.sampled_from(RESOURCES))
def test_listed_permissions_equal_checks_one_by_one(model, principal, resource):
    table = table_of(model)
    listed = table.permissions(principal, resource, PERMISSIONS)
    assert listed == model.permissions(principal, resource, PERMISSIONS, NOW_NS)
    assert listed == [name for name in PERMISSIONS if table.check(principal, name, resource)]


@given(worlds(), st.lists(questions, min_size=5, max_size=10), ISSUED)
def test_an_explanation_agrees_with_the_check_and_names_a_binding_that_decides(
    model, asked, groups
):
    table = table_of(model)
    specs = {binding.name: binding for binding in model.bindings}
    for principal, permission, resource in asked:
        found = table.explain(principal, permission, resource, groups=groups)
        assert found.allowed is table.check(principal, permission, resource, groups=groups)
        granting = {spec.name for spec in model.granting(principal, permission, NOW_NS, groups)}
        denying = model.denying(principal, permission, resource, NOW_NS, groups)
        assert (found.reason == "denied") is bool(denying)
        if found.allowed or denying:
            spec = specs[found.binding]
            assert spec in denying or spec.name in granting
            assert bool(denying) is spec.denies
            assert covers(spec.resource, resource)
            assert (found.role, found.resource) == (spec.role, spec.resource)
            assert found.member in spec.members
            assert found.member in model.members_for(principal, groups)
            assert not found.groups or found.groups[-1] == found.member
            assert found.near_misses == ()
        elif found.reason == "elsewhere":
            assert {miss.binding for miss in found.near_misses} & granting


def places_of(model: AccessModel) -> dict[str, tuple[list, list, list]]:
    found = {"": ([], [], [])}
    for kind, specs in enumerate((model.roles, model.groups, model.bindings)):
        for spec in specs:
            place = home_of(spec.resource if kind == 2 else spec.name)
            found.setdefault(place, ([], [], []))[kind].append(spec)
    return found


@given(worlds(), worlds(), st.tuples(st.booleans(), st.booleans(), st.booleans()), ISSUED)
def test_a_table_of_which_parts_change_is_as_one_that_is_made_anew(old, other, kept, groups):
    new = AccessModel(
        old.roles if kept[0] else other.roles,
        old.groups if kept[1] else other.groups,
        old.bindings if kept[2] else other.bindings,
    )
    before, after = places_of(old), places_of(new)
    table = table_of(old)
    changed = table.changed(
        {
            place: after.get(place, ((), (), ()))
            for place in before.keys() | after.keys()
            if before.get(place) != after.get(place)
        },
        epoch=7,
    )
    assert (changed.epoch, table.epoch) == (7, 0)
    for one, model in ((changed, new), (table, old)):
        fresh = table_of(model)
        assert one.reads_message is fresh.reads_message
        for principal, permission in itertools.product([*PRINCIPALS, *IMPOSTORS], PERMISSIONS):
            assert one.holds_anywhere(principal, permission, groups=groups) is fresh.holds_anywhere(
                principal, permission, groups=groups
            )
            for resource in ("", "tenants", "tenants/1", "tenants/1/10", "tenants/10", "é/1"):
                question = (principal, permission, resource)
                assert one.check(*question, groups=groups) is model.check(*question, NOW_NS, groups)
                assert (
                    one.explain(*question, groups=groups).reason
                    == fresh.explain(*question, groups=groups).reason
                )


@pytest.mark.parametrize("clock_ns", [-2, 0, NOW_NS, 2**63 - 2])
@given(model=worlds(), question=questions)
@settings(max_examples=50)
def test_check_equals_the_model_at_any_time(clock_ns, model, question):
    assert table_of(model, clock_ns).check(*question) is model.check(*question, clock_ns)


def test_a_large_table_equals_the_model():
    chance = random.Random(7)
    roles = [RoleSpec(f"r{n}", [f"s{n % 9}.p{n}", f"s{n % 7}.*"][: 1 + n % 2]) for n in range(130)]
    bindings = [
        BindingSpec(
            f"b{n}",
            f"r{chance.randrange(130)}",
            [f"users/{chance.randrange(40)}"],
            f"t/{chance.randrange(20)}/o/{chance.randrange(20)}"[: chance.choice([1, 3, 20])],
        )
        for n in range(1_500)
    ]
    bindings = [spec for spec in bindings if not spec.resource.endswith("/")]
    model = AccessModel(roles, [], bindings)
    table = table_of(model)
    answers = set()
    for _ in range(1_500):
        question = (
            f"users/{chance.randrange(41)}",
            f"s{chance.randrange(9)}.p{chance.randrange(131)}",
            f"t/{chance.randrange(21)}/o/{chance.randrange(21)}",
        )
        answers.add(table.check(*question))
        assert table.check(*question) is model.check(*question, NOW_NS), question
    assert answers == {True, False}
