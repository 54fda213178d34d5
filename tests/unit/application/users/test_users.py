import pytest

from blrcs.application.page import PageRequest
from blrcs.application.users.create_user import CreateUser
from blrcs.application.users.delete_user import DeleteUser
from blrcs.application.users.get_user import GetUser
from blrcs.application.users.list_users import ListUsers
from blrcs.application.users.update_user import UpdateUser
from blrcs.application.users.user_fields import UserFields
from blrcs.domain.errors import (
    AbortedError,
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
)
from blrcs.domain.session import SessionLifetime
from tests.unit.application.identity_fakes import MINUTE_NS, NOW_NS, make_user

ADMIN = "users/admin"


@pytest.fixture
def create(users, hasher, rules, clock):
    return CreateUser(users=users, hasher=hasher, rules=rules, clock=clock)


@pytest.fixture
def update(users, clock):
    return UpdateUser(users=users, clock=clock)


@pytest.fixture
def delete(users):
    return DeleteUser(users=users)


def open_session(sessions, user_id, session_id, now_ns=NOW_NS):
    lifetime = SessionLifetime(refresh_ns=MINUTE_NS, total_ns=MINUTE_NS)
    session = lifetime.open(session_id, user_id, display_name="", address="", now_ns=now_ns)
    sessions.rows[session_id] = session


async def test_a_created_user_must_change_the_password(create, users):
    user = await create(
        "bob", UserFields(display_name="Bob", email="bob@example.org"), password="a password"
    )

    assert users.rows["bob"] == user
    assert user.password_hash == "new:a password"
    assert user.password_change_required
    assert (user.display_name, user.email, user.disabled) == ("Bob", "bob@example.org", False)
    assert user.create_time_ns == user.update_time_ns == NOW_NS


async def test_an_id_is_used_once_and_not_hashed_for_twice(create, alice, hasher):
    hasher.busy = True

    with pytest.raises(AlreadyExistsError, match="users/alice"):
        await create("alice", UserFields(), password="a password")


async def test_an_unacceptable_password_creates_nobody(create, users):
    with pytest.raises(InvalidArgumentError, match="password"):
        await create("bob", UserFields(), password="short")

    assert not users.rows


async def test_gets_a_user_by_id(users, alice):
    get = GetUser(users=users)

    assert await get("alice") is alice
    with pytest.raises(NotFoundError, match="users/bob"):
        await get("bob")


async def test_lists_users_by_id_in_pages(users, page_tokens):
    users.rows = {user_id: make_user(user_id) for user_id in ("c", "a", "e", "b", "d")}
    list_users = ListUsers(users=users, page_tokens=page_tokens)

    first = await list_users(PageRequest(3))
    second = await list_users(PageRequest(3, first.next_page_token))

    assert [each.id for each in first.items] == ["a", "b", "c"]
    assert [each.id for each in second.items] == ["d", "e"]
    assert second.next_page_token == ""


async def test_a_page_token_from_elsewhere_is_refused(users, page_tokens):
    list_users = ListUsers(users=users, page_tokens=page_tokens)
    for token in ("nonsense", page_tokens.issue("serviceAccounts", "a")):
        with pytest.raises(InvalidArgumentError) as caught:
            await list_users(PageRequest(3, token))
        assert caught.value.reason == "PAGE_TOKEN_INVALID"


async def test_updates_what_the_mask_names_and_nothing_else(update, users, clock):
    users.rows["alice"] = make_user(display_name="old", email="old@example.org")
    clock.advance(5)

    user = await update(
        "alice",
        UserFields(display_name="new", disabled=True),
        mask=["display_name"],
        etag="",
        actor=ADMIN,
    )

    assert user == users.rows["alice"]
    assert (user.display_name, user.email, user.disabled) == ("new", "old@example.org", False)
    assert (user.create_time_ns, user.update_time_ns) == (NOW_NS, NOW_NS + 5)


@pytest.mark.parametrize("mask", [[], ["*"]])
async def test_an_empty_mask_updates_all_that_may_be_changed(update, users, mask):
    users.rows["alice"] = make_user(display_name="old", email="old@example.org", disabled=True)

    user = await update("alice", UserFields(display_name="new"), mask=mask, etag="", actor=ADMIN)

    assert (user.display_name, user.email, user.disabled) == ("new", "", False)


@pytest.mark.parametrize("path", ["name", "password_hash", "password_change_required", "nonsense"])
async def test_other_fields_cannot_be_changed(update, alice, users, path):
    with pytest.raises(InvalidArgumentError, match="update_mask"):
        await update("alice", UserFields(), mask=["email", path], etag="", actor=ADMIN)

    assert users.rows["alice"] == alice


async def test_every_change_changes_the_etag(update, alice):
    etags = {alice.etag}
    for _ in range(3):
        user = await update("alice", UserFields(), mask=["email"], etag="", actor=ADMIN)
        etags.add(user.etag)

    assert len(etags) == 4


async def test_an_etag_admits_only_the_stored_revision(update, delete, alice, users):
    changed = await update("alice", UserFields(), mask=[], etag=alice.etag, actor=ADMIN)

    with pytest.raises(AbortedError):
        await update("alice", UserFields(), mask=[], etag=alice.etag, actor=ADMIN)
    with pytest.raises(AbortedError):
        await delete("alice", etag=alice.etag, actor=ADMIN)
    await delete("alice", etag=changed.etag, actor=ADMIN)

    assert not users.rows


async def test_disabling_ends_the_users_sessions_alone(update, alice, users, sessions):
    open_session(sessions, "alice", "a")
    open_session(sessions, "bob", "b")

    await update("alice", UserFields(display_name="x"), mask=["display_name"], etag="", actor=ADMIN)
    assert set(sessions.rows) == {"a", "b"}
    await update("alice", UserFields(disabled=True), mask=["disabled"], etag="", actor=ADMIN)

    assert set(sessions.rows) == {"b"}


async def test_nobody_disables_or_deletes_itself(update, delete, alice, users):
    with pytest.raises(FailedPreconditionError) as caught:
        await update(
            "alice", UserFields(disabled=True), mask=["disabled"], etag="", actor="users/alice"
        )
    assert caught.value.reason == "OWN_ACCOUNT"
    with pytest.raises(FailedPreconditionError) as caught:
        await delete("alice", etag="", actor="users/alice")
    assert caught.value.reason == "OWN_ACCOUNT"

    assert users.rows["alice"] == alice


async def test_anybody_may_change_the_rest_of_itself(update, alice):
    user = await update(
        "alice", UserFields(display_name="A"), mask=["display_name"], etag="", actor="users/alice"
    )

    assert user.display_name == "A"


async def test_deleting_ends_the_sessions_and_what_the_name_was_granted(delete, alice, sessions):
    open_session(sessions, "alice", "a")

    await delete("alice", etag="", actor=ADMIN)

    assert not sessions.rows
    with pytest.raises(NotFoundError):
        await delete("alice", etag="", actor=ADMIN)


async def test_a_namesake_has_another_etag(create, delete, clock):
    first = await create("bob", UserFields(), password="a password")
    await delete("bob", etag="", actor=ADMIN)
    clock.advance(1)

    second = await create("bob", UserFields(), password="a password")

    assert first.etag != second.etag
