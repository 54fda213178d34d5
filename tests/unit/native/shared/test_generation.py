"""A generation tells everyone who holds a copy that it is old."""

import pytest

from blrcs_native.access.table import AccessTable, BindingSpec, RoleSpec
from blrcs_native.guards.authorization import CurrentAccess
from blrcs_native.shared.generation import Generation


def test_a_bump_moves_every_holder_until_it_has_caught_up() -> None:
    memory = bytearray(8)
    one, other = Generation(memory), Generation(memory)
    assert (one.moved(), other.moved()) == (False, False)
    one.bump()
    assert (one.moved(), other.moved()) == (True, True)
    one.catch_up(lambda: None)
    assert (one.moved(), other.moved()) == (False, True)
    assert Generation(memory).moved() is False


def test_what_moves_while_it_is_loaded_is_loaded_again() -> None:
    generation = Generation(bytearray(8))
    generation.bump()
    generation.catch_up(generation.bump)
    assert generation.moved()


def test_a_copy_that_could_not_be_loaded_stays_old() -> None:
    generation = Generation(bytearray(8))
    generation.bump()
    with pytest.raises(ZeroDivisionError):
        generation.catch_up(lambda: 1 // 0)
    assert generation.moved()


def test_an_unfit_buffer_raises() -> None:
    with pytest.raises(ValueError, match="smaller"):
        Generation(bytearray(7))
    with pytest.raises(ValueError, match="aligned"):
        Generation(memoryview(bytearray(16))[1:])
    with pytest.raises(BufferError):
        Generation(bytes(8))


def table(*members: str) -> AccessTable:
    bindings = [BindingSpec("bindings/b", "roles/r", members)] if members else []
    return AccessTable([RoleSpec("roles/r", ["orders.get"])], [], bindings)


def test_an_access_table_is_loaded_anew_before_the_next_decision() -> None:
    generation = Generation(bytearray(8))
    access = CurrentAccess(table("users/alice"))
    access.follow(generation, lambda: access.replace(table()))
    assert access.table.check("users/alice", "orders.get", "orders/7")
    generation.bump()
    assert not access.table.check("users/alice", "orders.get", "orders/7")


def test_nothing_is_decided_by_a_table_that_could_not_be_loaded_anew() -> None:
    generation = Generation(bytearray(8))
    access = CurrentAccess(table("users/alice"))
    access.follow(generation, lambda: 1 // 0)
    generation.bump()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            _ = access.table
