"""The access table equals a brute-force model, denies by default, and says why."""

import itertools
import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blrcs_native.access import (
    ANONYMOUS,
    MAX_GROUP_DEPTH,
    MAX_NEAR_MISSES,
    MAX_ROLE_DEPTH,
    AccessSpecError,
    AccessTable,
    BindingSpec,
    GroupSpec,
    RoleSpec,
    validate_member,
    validate_pattern,
    validate_permission,
)
from tests.unit.native.access_model import AccessModel, covers

NOW_NS = 1_000
READ = "orders.read"
READER = RoleSpec("reader", (READ,))

PERMISSIONS = ["a", "a.b", "a.b.c", "a.c", "b", "b.c", "aa", "aa.b"]
PATTERNS = [*PERMISSIONS, "*", "a.*", "a.b.*", "b.*"]
PRINCIPALS = ["users/0", "users/1", "users/2", "serviceAccounts/0", "users/nobody", ANONYMOUS]
IMPOSTORS = ["groups/0", "groups/none", "allUsers", "allAuthenticated"]
SPECIAL = ["allUsers", "allAuthenticated"]
ROLES = [f"role{number}" for number in range(5)]
GROUPS = [f"groups/{number}" for number in range(5)]
SEGMENTS = ["t", "1", "10", "é"]
RESOURCES = [
    "/".join(path) for size in range(4) for path in itertools.product(SEGMENTS, repeat=size)
]


def some(values: list[str], most: int = 3) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), max_size=most, unique=True)


@st.composite
def worlds(draw: st.DrawFn) -> AccessModel:
    roles = [
        RoleSpec(name, draw(some(PATTERNS)), draw(some([*ROLES[:number], "undefined"], 2)))
        for number, name in enumerate(ROLES[: draw(st.integers(0, 5))])
    ]
    groups = [
        GroupSpec(name, draw(some([*PRINCIPALS[:4], *GROUPS, "groups/none"])))
        for name in GROUPS[: draw(st.integers(0, 5))]
    ]
    bindings = [
        BindingSpec(
            f"binding{number}",
            draw(st.sampled_from([*ROLES, "undefined"])),
            draw(some([*PRINCIPALS[:4], *GROUPS, *SPECIAL], 2)),
            draw(st.sampled_from(RESOURCES)),
            draw(st.sampled_from([None, None, -1, 0, NOW_NS - 1, NOW_NS, NOW_NS + 1])),
        )
        for number in range(draw(st.integers(0, 8)))
    ]
    return AccessModel(roles, groups, bindings)


def table_of(model: AccessModel, now_ns: int = NOW_NS) -> AccessTable:
    return AccessTable(model.roles, model.groups, model.bindings, clock=lambda: now_ns)


def table_with(*bindings: BindingSpec, **options: object) -> AccessTable:
    groups = options.pop("groups", ())
    roles = options.pop("roles", [READER])
    return AccessTable(roles, groups, bindings, clock=lambda: NOW_NS, **options)


questions = st.tuples(
    st.sampled_from([*PRINCIPALS, *IMPOSTORS]),
    st.sampled_from([*PERMISSIONS, "b.c.d", "zz"]),
    st.sampled_from(RESOURCES),
)


@given(worlds(), st.lists(questions, min_size=20, max_size=40))
def test_check_equals_the_model(model, asked):
    table = table_of(model)
    for question in asked:
        assert table.check(*question) is model.check(*question, NOW_NS), question


@given(worlds())
def test_holds_anywhere_equals_the_model(model):
    table = table_of(model)
    for principal in [*PRINCIPALS, *IMPOSTORS]:
        for permission in [*PERMISSIONS, "zz"]:
            expected = model.holds_anywhere(principal, permission, NOW_NS)
            assert table.holds_anywhere(principal, permission) is expected


@given(worlds(), st.sampled_from([*PRINCIPALS, *IMPOSTORS]), st.sampled_from(RESOURCES))
def test_listed_permissions_equal_checks_one_by_one(model, principal, resource):
    table = table_of(model)
    listed = table.permissions(principal, resource, PERMISSIONS)
    assert listed == model.permissions(principal, resource, PERMISSIONS, NOW_NS)
    assert listed == [name for name in PERMISSIONS if table.check(principal, name, resource)]


@given(worlds(), st.lists(questions, min_size=5, max_size=10))
def test_an_explanation_agrees_with_the_check_and_names_a_binding_that_decides(model, asked):
    table = table_of(model)
    specs = {binding.name: binding for binding in model.bindings}
    for principal, permission, resource in asked:
        found = table.explain(principal, permission, resource)
        assert found.allowed is table.check(principal, permission, resource)
        granting = {spec.name for spec in model.granting(principal, permission, NOW_NS)}
        if found.allowed:
            spec = specs[found.binding]
            assert spec.name in granting
            assert covers(spec.resource, resource)
            assert (found.role, found.resource) == (spec.role, spec.resource)
            assert found.member in spec.members
            assert found.member in model.members_for(principal)
            assert not found.groups or found.groups[-1] == found.member
            assert found.near_misses == ()
        elif found.reason == "elsewhere":
            assert {miss.binding for miss in found.near_misses} & granting


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


def test_nothing_is_allowed_by_an_empty_table():
    table = AccessTable([], [], [])
    assert not table.check("users/alice", READ, "")
    assert not table.holds_anywhere("users/alice", READ)
    assert table.permissions("users/alice", "", [READ]) == []
    assert table.epoch == 0


@pytest.mark.parametrize(
    ("bound", "asked", "allowed"),
    [
        ("", "", True),
        ("", "orders/1", True),
        ("orders/1", "orders/1", True),
        ("orders/1", "orders/1/items/3", True),
        ("orders/1", "orders/10", False),
        ("orders/10", "orders/1", False),
        ("orders/1", "orders", False),
        ("orders/1", "", False),
        ("orders/1", "Orders/1", False),
        ("é", "e\u0301", False),
        ("a/b", "a/b/../c", False),
        ("a", "a//b", False),
        ("a", "a/", False),
        ("a", "/a", False),
        ("a", "a/./b", False),
        ("a", "a/b\0", False),
        ("a", "a/\x85", False),
        ("a", "a/\ud800", False),
        ("", "\n", False),
        ("", "/".join("x" * 16), True),
        ("", "/".join("x" * 17), False),
        ("", "x" * 1024, True),
        ("", "x" * 1025, False),
        ("/".join("x" * 16), "/".join("x" * 16), True),
    ],
)
def test_a_binding_covers_whole_segments_downwards_and_no_malformed_name(bound, asked, allowed):
    table = table_with(BindingSpec("b", "reader", ["users/alice"], bound))
    assert table.check("users/alice", READ, asked) is allowed


@pytest.mark.parametrize(
    ("pattern", "permission", "allowed"),
    [
        ("orders.*", "orders.read", True),
        ("orders.*", "orders.items.read", True),
        ("orders.*", "orders", False),
        ("orders.*", "ordersx.read", False),
        ("orders.*", "users.read", False),
        ("orders.items.*", "orders.read", False),
        ("*", "orders", True),
        ("*", "blrcs.users.create", True),
        ("*", "*", False),
        ("*", "", False),
        ("*", "orders..read", False),
        ("*", ".read", False),
        ("*", "orders.", False),
        ("*", "orders.read\n", False),
        ("*", "ördérs.read", False),
        ("*", "a" * 256, True),
        ("*", "a" * 257, False),
        ("orders.*", "orders.*", False),
        ("orders.read", "orders.read", True),
        ("orders.read", "orders.read.all", False),
    ],
)
def test_a_wildcard_stands_for_one_or_more_segments(pattern, permission, allowed):
    table = table_with(
        BindingSpec("b", "role", ["users/alice"]), roles=[RoleSpec("role", [pattern])]
    )
    for _ in range(2):  # the second answer comes from memory
        assert table.check("users/alice", permission, "orders/1") is allowed
        assert table.holds_anywhere("users/alice", permission) is allowed


def test_a_wildcard_adds_to_roles_that_name_the_permission():
    roles = [READER, RoleSpec("all", ["orders.*"])]
    table = table_with(BindingSpec("b", "all", ["users/alice"]), roles=roles)
    assert table.check("users/alice", READ, "orders/1")


def test_many_unknown_permissions_leave_answers_right():
    table = table_with(BindingSpec("b", "role", ["users/alice"]), roles=[RoleSpec("role", ["p.*"])])
    for number in range(5_000):
        assert table.check("users/alice", f"p.x{number}", "orders")
        assert not table.check("users/alice", f"q.x{number}", "orders")
    assert table.check("users/alice", "p.x0", "orders")


def test_unknown_permissions_take_bounded_memory():
    table = table_with(BindingSpec("b", "role", ["users/alice"]), roles=[RoleSpec("role", ["p.*"])])
    tracemalloc.start()
    try:
        for number in range(20_000):
            table.check("users/alice", f"p.x{number}", "orders")
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held_bytes < 500_000


@pytest.mark.parametrize(("offset_ns", "allowed"), [(-1, False), (0, False), (1, True)])
def test_a_binding_ends_at_the_instant_it_expires(offset_ns, allowed):
    table = table_with(BindingSpec("b", "reader", ["users/alice"], "orders", NOW_NS + offset_ns))
    assert table.check("users/alice", READ, "orders/1") is allowed
    assert table.holds_anywhere("users/alice", READ) is allowed


def test_the_longest_of_several_equal_bindings_counts():
    for order in itertools.permutations([NOW_NS - 1, NOW_NS + 1, NOW_NS]):
        table = table_with(
            *(BindingSpec(str(at), "reader", ["users/alice"], "orders", at) for at in order)
        )
        assert table.check("users/alice", READ, "orders")


def test_the_clock_is_asked_once_at_most_and_only_where_expiry_decides():
    asked = []

    def clock():
        asked.append(NOW_NS)
        return NOW_NS

    bindings = [
        BindingSpec("own", "reader", ["users/alice"], "orders", 5),
        BindingSpec("all", "reader", ["allUsers"], "orders", 6),
        BindingSpec("lasting", "reader", ["users/bob"], "orders"),
    ]
    table = AccessTable([READER], [], bindings, clock=clock)
    assert not table.check("users/alice", READ, "orders")
    assert len(asked) == 1
    assert table.check("users/bob", READ, "orders")
    assert not table.check("users/alice", "orders.write", "orders")
    assert len(asked) == 1


@pytest.mark.parametrize("answer", [2**63, "now", None])
def test_a_clock_that_fails_grants_nothing(answer):
    bindings = [BindingSpec("b", "reader", ["users/alice"], "orders", NOW_NS)]
    table = AccessTable([READER], [], bindings, clock=lambda: answer)
    for ask in (table.check, table.explain):
        with pytest.raises((OverflowError, TypeError)):
            ask("users/alice", READ, "orders")
    with pytest.raises((OverflowError, TypeError)):
        table.holds_anywhere("users/alice", READ)
    with pytest.raises(TypeError, match="clock"):
        AccessTable([], [], [], clock=answer)


def test_a_clock_that_asks_the_table_itself_does_no_harm():
    def clock():
        for number in range(3_000):
            table.check("users/alice", f"p.x{number}", "orders")
        return NOW_NS

    bindings = [BindingSpec("b", "role", ["users/alice"], "orders", NOW_NS + 1)]
    # what the clock asks is granted without it, so that it does not ask for ever
    bindings.append(BindingSpec("c", "other", ["users/alice"]))
    roles = [RoleSpec("role", ["q.*"]), RoleSpec("other", ["p.*"])]
    table = AccessTable(roles, [], bindings, clock=clock)
    assert table.check("users/alice", "q.new", "orders")


def test_special_members_mean_everyone_and_everyone_named():
    table = table_with(
        BindingSpec("all", "reader", ["allUsers"], "public"),
        BindingSpec("named", "reader", ["allAuthenticated"], "shared"),
        BindingSpec("own", "reader", ["users/alice"], "mine"),
    )
    granted = {
        principal: [
            place for place in ("public", "shared", "mine") if table.check(principal, READ, place)
        ]
        for principal in ("users/alice", "users/stranger", ANONYMOUS, "allUsers", "groups/x")
    }
    assert granted == {
        "users/alice": ["public", "shared", "mine"],
        "users/stranger": ["public", "shared"],
        ANONYMOUS: ["public"],
        "allUsers": [],
        "groups/x": [],
    }


def chain_of_groups(count: int) -> list[GroupSpec]:
    """groups/1 holds the user, and each group the one before it."""
    members = ["users/alice", *(f"groups/{number}" for number in range(1, count))]
    return [GroupSpec(f"groups/{n}", [member]) for n, member in enumerate(members, start=1)]


def test_groups_nest_down_to_the_bound_and_no_deeper():
    groups = chain_of_groups(MAX_GROUP_DEPTH + 1)
    bindings = [BindingSpec(f"on {g.name}", "reader", [g.name], g.name) for g in groups]
    table = table_with(*bindings, groups=groups)
    reached = [group.name for group in groups if table.check("users/alice", READ, group.name)]
    assert reached == [group.name for group in groups[:MAX_GROUP_DEPTH]]


def test_groups_in_a_cycle_share_their_members():
    groups = [
        GroupSpec("groups/a", ["users/alice", "groups/b"]),
        GroupSpec("groups/b", ["groups/c", "groups/b"]),
        GroupSpec("groups/c", ["groups/a"]),
    ]
    for group in groups:
        table = table_with(BindingSpec("b", "reader", [group.name], "orders"), groups=groups)
        assert table.check("users/alice", READ, "orders")
        assert not table.check("users/bob", READ, "orders")


def test_roles_that_include_each_other_are_refused_by_name():
    roles = [RoleSpec("a", [], ["b"]), RoleSpec("b", [], ["c"]), RoleSpec("c", [], ["b"])]
    with pytest.raises(AccessSpecError, match="b -> c -> b"):
        AccessTable(roles, [], [])
    with pytest.raises(AccessSpecError, match="a -> a"):
        AccessTable([RoleSpec("a", [], ["a"])], [], [])


@pytest.mark.parametrize("forwards", [True, False])
def test_roles_include_down_to_the_bound_and_no_deeper(forwards):
    def chain(count):
        roles = [RoleSpec(f"r{n}", (), [f"r{n + 1}"]) for n in range(count - 1)]
        roles.append(RoleSpec(f"r{count - 1}", [READ]))
        return roles if forwards else roles[::-1]

    binding = BindingSpec("b", "r0", ["users/alice"])
    assert table_with(binding, roles=chain(MAX_ROLE_DEPTH)).check("users/alice", READ, "x")
    with pytest.raises(AccessSpecError, match="deep"):
        table_with(binding, roles=chain(MAX_ROLE_DEPTH + 1))
    with pytest.raises(AccessSpecError, match="deep"):
        table_with(binding, roles=chain(5_000))


def test_roles_included_over_two_ways_are_no_cycle():
    layers = [RoleSpec("l0a", [READ]), RoleSpec("l0b", [READ])]
    for depth in range(1, MAX_ROLE_DEPTH):
        below = [f"l{depth - 1}a", f"l{depth - 1}b"]
        layers += [RoleSpec(f"l{depth}a", (), below), RoleSpec(f"l{depth}b", (), below)]
    binding = BindingSpec("b", f"l{MAX_ROLE_DEPTH - 1}a", ["users/alice"])
    assert table_with(binding, roles=layers[::-1]).check("users/alice", READ, "x")


def test_what_is_not_defined_grants_nothing():
    table = table_with(
        BindingSpec("gone", "deleted", ["users/alice"]),
        BindingSpec("empty", "reader", ["groups/deleted"]),
        BindingSpec("partial", "partial", ["users/bob"]),
        roles=[READER, RoleSpec("partial", [READ], ["deleted"])],
    )
    assert not table.check("users/alice", READ, "orders")
    assert table.check("users/bob", READ, "orders")
    assert table.explain("users/alice", READ, "orders").reason == "unknown_role"


@pytest.mark.parametrize(
    ("roles", "groups", "bindings", "message"),
    [
        ([RoleSpec("r", ["orders.*.read"])], [], [], "role 'r': 'orders..\\.read'"),
        ([RoleSpec("r", ["orders*"])], [], [], "'orders\\*' is not a permission pattern"),
        ([RoleSpec("r", [""])], [], [], "'' is not a permission pattern"),
        ([RoleSpec("r", "orders.read")], [], [], "collection"),
        ([RoleSpec("r", [], "abc")], [], [], "collection"),
        ([RoleSpec("r", [7])], [], [], "7 is no text"),
        ([RoleSpec("", [])], [], [], "name is empty"),
        ([READER, READER], [], [], "'reader' is given twice"),
        ([], [GroupSpec("devs")], [], "'devs' is not a member"),
        ([], [GroupSpec("teams/devs")], [], "does not begin"),
        ([], [GroupSpec("groups/a", ["allUsers"])], [], "belongs into bindings only"),
        ([], [GroupSpec("groups/a", ["alice"])], [], "'alice' is not a member"),
        ([], [GroupSpec("groups/a"), GroupSpec("groups/a")], [], "twice"),
        ([], [], [BindingSpec("b", "r", ["alice"])], "binding 'b': 'alice' is not a member"),
        ([], [], [BindingSpec("b", "r", ["users/"])], "'users/' is not a member"),
        ([], [], [BindingSpec("b", "r", [], "a//b")], "empty segment"),
        ([], [], [BindingSpec("b", "r", [], None)], "no text"),
        ([], [], [BindingSpec("b", "r", [], "", 2**63)], "64-bit"),
        ([], [], [BindingSpec("b", "r", [], "", True)], "64-bit"),
        ([], [], [BindingSpec("b", "r", [], "", 1.5)], "64-bit"),
        ([], [], [BindingSpec("b", "r", [])] * 2, "twice"),
    ],
)
def test_a_malformed_spec_is_refused_and_named(roles, groups, bindings, message):
    with pytest.raises(AccessSpecError, match=message):
        AccessTable(roles, groups, bindings)


def test_names_are_judged_alone_as_in_a_table():
    for judge, name in [
        (validate_permission, "orders.read"),
        (validate_pattern, "orders.*"),
        (validate_pattern, "*"),
        (validate_member, "groups/devs"),
        (validate_member, "allUsers"),
    ]:
        judge(name)
    for judge, name in [
        (validate_permission, "orders.*"),
        (validate_pattern, "*.read"),
        (validate_member, "everyone"),
        (validate_member, "users/a/.."),
    ]:
        with pytest.raises(ValueError, match="is not a"):
            judge(name)


def test_none_is_refused_as_a_mistake_in_the_program():
    table = table_with(BindingSpec("b", "reader", ["allUsers"]))
    for question in [(None, READ, ""), ("users/a", None, ""), ("users/a", READ, None)]:
        with pytest.raises(TypeError):
            table.check(*question)


def test_specs_are_copied_and_the_table_cannot_be_filled_anew():
    members = ["users/alice"]
    binding = BindingSpec("b", "reader", members, "orders")
    table = table_with(binding, epoch=7)
    members.append("users/bob")
    assert not table.check("users/bob", READ, "orders")
    table.__init__([], [], [])
    assert table.check("users/alice", READ, "orders")
    assert table.epoch == 7
    with pytest.raises(AttributeError):
        table.epoch = 8


def test_an_explanation_names_binding_role_member_groups_and_resource():
    groups = chain_of_groups(2)
    table = table_with(
        BindingSpec("narrow", "reader", ["groups/2"], "orders/1", NOW_NS + 1),
        BindingSpec("public", "reader", ["allUsers"], "orders"),
        groups=groups,
    )
    found = table.explain("users/alice", READ, "orders/1/items")
    assert (found.allowed, found.reason) == (True, "granted")
    assert (found.binding, found.role, found.member) == ("narrow", "reader", "groups/2")
    assert (found.groups, found.resource) == (("groups/1", "groups/2"), "orders/1")
    assert found.expires_at_ns == NOW_NS + 1
    assert table.explain("users/alice", READ, "orders/2").binding == "public"


def test_of_several_own_bindings_the_widest_explains():
    table = table_with(
        BindingSpec("narrow", "reader", ["users/alice"], "orders/1"),
        BindingSpec("wide", "reader", ["users/alice"], "orders"),
    )
    assert table.explain("users/alice", READ, "orders/1").binding == "wide"


@pytest.mark.parametrize(
    ("question", "reason", "near"),
    [
        (("groups/x", READ, "orders"), "invalid_principal", []),
        (("users/alice", "*", "orders"), "invalid_permission", []),
        (("users/alice", READ, "orders//1"), "invalid_resource", []),
        (("users/alice", "orders.burn", "orders"), "in_no_role", []),
        (("users/bob", READ, "orders"), "no_binding", []),
        (("users/alice", READ, "orders"), "expired", ["old", "away"]),
        (("users/alice", READ, "users"), "elsewhere", ["away"]),
        (("users/carol", READ, "orders"), "unknown_role", ["lost"]),
    ],
)
def test_a_denial_says_why_and_what_came_close(question, reason, near):
    table = table_with(
        BindingSpec("away", "reader", ["users/alice"], "elsewhere"),
        BindingSpec("old", "reader", ["users/alice"], "orders", NOW_NS),
        BindingSpec("lost", "deleted", ["users/carol"], "orders"),
    )
    found = table.explain(*question)
    assert (found.allowed, found.reason, found.binding) == (False, reason, None)
    assert [miss.binding for miss in found.near_misses] == near
    assert all(miss.reason in {reason, "elsewhere"} for miss in found.near_misses)


def test_near_misses_are_bounded():
    bindings = [BindingSpec(f"b{n}", "reader", ["users/alice"], f"orders/{n}") for n in range(100)]
    found = table_with(*bindings).explain("users/alice", READ, "users")
    assert len(found.near_misses) == MAX_NEAR_MISSES
