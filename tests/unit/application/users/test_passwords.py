from dataclasses import replace

import pytest

from blrcs.application.auth.prove_password import ProvePassword
from blrcs.application.users.change_password import ChangePassword
from blrcs.application.users.reset_password import ResetPassword
from blrcs.domain.errors import (
    AbortedError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
)
from tests.unit.application.identity_fakes import NOW_NS, make_user
from tests.unit.application.users.test_users import open_session


@pytest.fixture
def change(users, sessions, hasher, rules, throttle, clock):
    prove_password = ProvePassword(
        users=users, sessions=sessions, hasher=hasher, throttle=throttle, clock=clock
    )
    use_case = ChangePassword(
        prove_password=prove_password, users=users, hasher=hasher, rules=rules, clock=clock
    )

    async def change(old, new, user_id="alice", actor="users/alice"):
        await use_case(
            user_id,
            old_password=old,
            new_password=new,
            actor=actor,
            session_id="mine",
            address="192.0.2.1",
        )

    return change


@pytest.fixture
def reset(users, hasher, rules, clock):
    return ResetPassword(users=users, hasher=hasher, rules=rules, clock=clock)


async def test_changing_keeps_the_callers_session_and_ends_the_others(
    change, users, sessions, clock
):
    users.rows["alice"] = make_user(password_change_required=True)
    for session_id in ("mine", "stolen"):
        open_session(sessions, "alice", session_id)
    clock.advance(7)

    await change("correct horse", "battery staple")

    alice = users.rows["alice"]
    assert alice.password_hash == "new:battery staple"
    assert not alice.password_change_required
    assert alice.password_time_ns == NOW_NS + 7
    assert alice.etag != make_user().etag
    assert set(sessions.rows) == {"mine"}


async def test_a_session_of_another_principal_is_not_kept(change, alice, sessions):
    open_session(sessions, "alice", "mine")

    await change("correct horse", "battery staple", actor="users/admin")

    assert not sessions.rows


@pytest.mark.parametrize(
    ("user_id", "old"), [("alice", "wrong horse"), ("bob", "correct horse"), ("nobody", "x")]
)
async def test_a_wrong_old_password_is_told_alike_of_all_users(change, alice, users, user_id, old):
    users.rows["bob"] = make_user("bob", disabled=True)

    with pytest.raises(InvalidArgumentError) as caught:
        await change(old, "battery staple", user_id=user_id)

    assert (caught.value.reason, caught.value.field) == ("PASSWORD_WRONG", "old_password")
    assert users.rows["alice"] == alice


async def test_guesses_of_the_old_password_are_throttled(change, alice):
    for _ in range(3):
        with pytest.raises(InvalidArgumentError):
            await change("wrong horse", "battery staple")

    with pytest.raises(ResourceExhaustedError):
        await change("correct horse", "battery staple")


@pytest.mark.parametrize("new", ["short", "correct horse", "x" * 1025])
async def test_an_unacceptable_new_password_changes_nothing(change, alice, users, hasher, new):
    with pytest.raises(InvalidArgumentError, match="new_password"):
        await change("correct horse", new)

    assert users.rows["alice"] == alice
    assert not hasher.verified


async def test_a_password_changed_in_between_is_not_overwritten(change, alice, users, hasher):
    reset_meanwhile = replace(alice, password_hash="new:by admin", password_time_ns=NOW_NS + 1)
    hasher.meanwhile = lambda: users.rows.update(alice=reset_meanwhile)

    with pytest.raises(AbortedError) as caught:
        await change("correct horse", "battery staple")

    assert caught.value.reason == "PASSWORD_CHANGED"
    assert users.rows["alice"] == reset_meanwhile


async def test_resetting_ends_all_sessions_and_asks_for_a_change(reset, alice, users, sessions):
    open_session(sessions, "alice", "mine")

    await reset("alice", new_password="battery staple", actor="users/admin")

    assert users.rows["alice"].password_hash == "new:battery staple"
    assert users.rows["alice"].password_change_required
    assert not sessions.rows


async def test_nobody_resets_its_own_password(reset, alice, users):
    with pytest.raises(FailedPreconditionError) as caught:
        await reset("alice", new_password="battery staple", actor="users/alice")

    assert caught.value.reason == "OWN_ACCOUNT"
    assert users.rows["alice"] == alice


async def test_the_password_of_an_unknown_user_cannot_be_reset(reset, hasher):
    hasher.busy = True

    with pytest.raises(NotFoundError):
        await reset("nobody", new_password="battery staple", actor="users/admin")
