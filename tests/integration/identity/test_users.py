"""UserService and sign-in over a real database."""

import asyncio

import pytest

from blrcs.application.auth.create_initial_administrator import CreateInitialAdministrator
from blrcs.domain.errors import (
    AbortedError,
    AlreadyExistsError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
    UnauthenticatedError,
)
from blrcs.security.password_hasher import Argon2PasswordHasher
from blrcs.security.password_rules import GuessingPasswordRules
from blrcs.security.password_tuning import HashWork
from blrcs.v1 import auth_pb2, user_pb2
from tests.integration.identity.identity import PASSWORD, call_of
from tests.unit.application.identity_fakes import make_user

ADMIN = call_of("users/admin")


async def test_a_user_is_read_back_as_it_was_written(identity):
    created = await identity.user.CreateUser(
        user_pb2.CreateUserRequest(
            user_id="alice",
            user={"display_name": "Alice \U0001f600", "email": "alice@example.org"},
            password=PASSWORD,
        ),
        ADMIN,
    )

    found = await identity.user.GetUser(user_pb2.GetUserRequest(name="users/alice"), ADMIN)

    assert found == created
    assert found.name == "users/alice"
    assert found.display_name == "Alice \U0001f600"
    assert found.password_change_required
    assert not found.disabled
    with pytest.raises(AlreadyExistsError):
        await identity.add_user("alice")


async def test_one_id_created_twice_at_once_makes_one_user(identity):
    results = await asyncio.gather(
        *(identity.add_user("alice") for _ in range(4)), return_exceptions=True
    )

    assert sum(isinstance(each, AlreadyExistsError) for each in results) == 3
    assert sum(isinstance(each, user_pb2.User) for each in results) == 1


async def test_lists_are_ordered_whole_and_bound_to_their_tokens(identity):
    for number in (3, 0, 4, 1, 2):
        await identity.add_user(f"u{number}")
        await identity.add_key("robot", f"k{number}")
        await identity.add_key(f"r{number}")
        await identity.sign_in("u0") if number == 0 else None

    async def names(method, request, field):
        seen, token = [], ""
        while True:
            request.page_size, request.page_token = 2, token
            page = await method(request, ADMIN)
            seen += [each.name.rpartition("/")[2] for each in getattr(page, field)]
            token = page.next_page_token
            if not token:
                return seen

    service = identity.user
    users = await names(service.ListUsers, user_pb2.ListUsersRequest(), "users")
    keys = await names(
        service.ListApiKeys, user_pb2.ListApiKeysRequest(parent="serviceAccounts/robot"), "api_keys"
    )
    accounts = await names(
        service.ListServiceAccounts, user_pb2.ListServiceAccountsRequest(), "service_accounts"
    )
    assert users == ["u0", "u1", "u2", "u3", "u4"]
    assert keys == ["k0", "k1", "k2", "k3", "k4"]
    assert accounts == ["r0", "r1", "r2", "r3", "r4", "robot"]

    page = await service.ListUsers(user_pb2.ListUsersRequest(page_size=2), ADMIN)
    alien = user_pb2.ListServiceAccountsRequest(page_token=page.next_page_token)
    with pytest.raises(InvalidArgumentError, match="page_token"):
        await service.ListServiceAccounts(alien, ADMIN)
    altered = user_pb2.ListUsersRequest(page_token=page.next_page_token[:-1])
    with pytest.raises(InvalidArgumentError, match="page_token"):
        await service.ListUsers(altered, ADMIN)


async def test_sessions_are_listed_the_newest_first_in_pages(identity, clock):
    await identity.add_user("alice")
    opened = []
    for step in (0, 1, 0, 1):
        clock.advance(step)
        opened.append((await identity.sign_in("alice", display_name="phone")).session)

    listed, token = [], ""
    for _ in opened:
        request = auth_pb2.ListSessionsRequest(parent="users/alice", page_size=1, page_token=token)
        page = await identity.auth.ListSessions(request, ADMIN)
        listed += page.sessions
        token = page.next_page_token

    assert token == ""
    assert {each.name for each in listed} == set(opened)
    times = [each.create_time.ToNanoseconds() for each in listed]
    assert times == sorted(times, reverse=True)
    assert {(each.display_name, each.address) for each in listed} == {("phone", "192.0.2.1")}


async def test_of_two_updates_of_one_revision_the_second_is_refused(identity):
    stored = await identity.add_user("alice")

    def update(display_name):
        request = user_pb2.UpdateUserRequest(
            user={"name": "users/alice", "display_name": display_name, "etag": stored.etag}
        )
        request.update_mask.paths.append("display_name")
        return identity.user.UpdateUser(request, ADMIN)

    results = await asyncio.gather(update("a"), update("b"), return_exceptions=True)

    assert [type(each) for each in results].count(AbortedError) == 1
    user = await identity.user.GetUser(user_pb2.GetUserRequest(name="users/alice"), ADMIN)
    assert user in results
    with pytest.raises(AbortedError):
        await identity.user.DeleteUser(
            user_pb2.DeleteUserRequest(name="users/alice", etag=stored.etag), ADMIN
        )


async def test_updates_of_different_fields_at_once_are_both_kept(identity):
    await identity.add_user("alice")

    def update(path, value):
        request = user_pb2.UpdateUserRequest(user={"name": "users/alice", path: value})
        request.update_mask.paths.append(path)
        return identity.user.UpdateUser(request, ADMIN)

    await asyncio.gather(update("display_name", "A"), update("email", "a@example.org"))

    user = await identity.user.GetUser(user_pb2.GetUserRequest(name="users/alice"), ADMIN)
    assert (user.display_name, user.email) == ("A", "a@example.org")


async def test_changing_who_is_not_there_is_told(identity):
    request = user_pb2.UpdateUserRequest(user={"name": "users/nobody"})
    with pytest.raises(NotFoundError, match="users/nobody"):
        await identity.user.UpdateUser(request, ADMIN)
    with pytest.raises(NotFoundError, match="users/nobody"):
        await identity.user.DeleteUser(user_pb2.DeleteUserRequest(name="users/nobody"), ADMIN)


async def test_guessing_is_stopped_alike_for_known_and_unknown_accounts(identity, clock):
    await identity.add_user("alice")
    refusals = []
    for user_id in ("alice", "nobody"):
        answers = []
        for _ in range(11):
            with pytest.raises((UnauthenticatedError, ResourceExhaustedError)) as caught:
                await identity.sign_in(user_id, "wrong horse")
            answers.append((caught.value.code, caught.value.reason, caught.value.message))
        refusals.append((answers, caught.value.retry_after_ns))

    assert refusals[0] == refusals[1]
    codes = [code for code, *_ in refusals[0][0]]
    assert codes == ["UNAUTHENTICATED"] * 10 + ["RESOURCE_EXHAUSTED"]
    with pytest.raises(ResourceExhaustedError):
        await identity.sign_in("alice")
    clock.advance(refusals[0][1])
    assert (await identity.sign_in("alice")).session


@pytest.mark.parametrize("change", ["reset", "disable", "delete"])
async def test_a_user_changed_while_signing_in_gets_no_session(identity, monkeypatch, change):
    await identity.add_user("alice")
    requests = {
        "reset": (
            identity.user.ResetPassword,
            user_pb2.ResetPasswordRequest(name="users/alice", new_password="battery staple"),
        ),
        "disable": (
            identity.user.UpdateUser,
            user_pb2.UpdateUserRequest(user={"name": "users/alice", "disabled": True}),
        ),
        "delete": (identity.user.DeleteUser, user_pb2.DeleteUserRequest(name="users/alice")),
    }
    verify = identity.hasher.verify

    async def verify_meanwhile(password_hash, password):
        verdict = await verify(password_hash, password)
        identity.clock.advance(1)
        method, request = requests[change]
        await method(request, ADMIN)
        return verdict

    monkeypatch.setattr(identity.hasher, "verify", verify_meanwhile)

    with pytest.raises(UnauthenticatedError) as caught:
        await identity.sign_in("alice")

    assert caught.value.reason == "CREDENTIALS_INVALID"
    listed = await identity.sessions.list_before(
        "alice", before=None, limit=10, now_ns=identity.clock()
    )
    assert listed == []


async def test_the_first_start_alone_makes_an_administrator(identity, clock):
    granted = []

    async def grant(principal):
        granted.append(principal)

    create = CreateInitialAdministrator(
        users=identity.users,
        hasher=identity.hasher,
        rules=GuessingPasswordRules(identity.hasher.run),
        secrets=identity.secrets,
        grant_administrator=grant,
        clock=clock,
    )
    made = await asyncio.gather(create(), create())

    (admin,) = [each for each in made if each is not None]
    assert set(granted) == {"users/admin"}
    signed_in = await identity.sign_in("admin", admin.password)
    assert signed_in.password_change_required
    assert await create() is None


async def test_passwords_are_nowhere_in_what_is_stored(identity, store):
    await identity.add_user("alice")

    stored = await store.content()

    assert b"$argon2id$" in stored
    assert PASSWORD.encode() not in stored


async def test_a_hash_of_older_parameters_is_renewed_at_sign_in(identity):
    older = Argon2PasswordHasher(HashWork(8, 1))
    stored = make_user("bob", password_hash=await older.hash(PASSWORD))
    older.close()
    await identity.users.add(stored)

    signed_in = await identity.sign_in("bob")

    renewed = await identity.users.get("bob")
    assert "m=8," in stored.password_hash
    assert "m=16," in renewed.password_hash
    assert renewed.etag == stored.etag
    assert await identity.active(signed_in.tokens.access_token) == [True]
    assert (await identity.sign_in("bob")).session
