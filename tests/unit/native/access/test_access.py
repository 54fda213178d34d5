"""The access table denies by default, and grants exactly what bindings cover."""

import itertools
import tracemalloc

import pytest

from blrcs_native.access.spec import ANONYMOUS
from blrcs_native.access.table import AccessTable, BindingSpec, RoleSpec
from tests.unit.native.access.access_factory import NOW_NS, READ, READER, table_with


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


def test_none_is_refused_as_a_mistake_in_the_program():
    table = table_with(BindingSpec("b", "reader", ["allUsers"]))
    for question in [(None, READ, ""), ("users/a", None, ""), ("users/a", READ, None)]:
        with pytest.raises(TypeError):
            table.check(*question)
