import pytest

from blrcs.application.auth.create_initial_administrator import CreateInitialAdministrator
from blrcs.domain.errors import InvalidArgumentError


class Grants(list):
    def __init__(self, users):
        self.users = users

    async def __call__(self, principal):
        self.append((principal, sorted(self.users.rows)))


@pytest.fixture
def grants(users):
    return Grants(users)


@pytest.fixture
def create(users, hasher, rules, secrets, grants, clock):
    return CreateInitialAdministrator(
        users=users,
        hasher=hasher,
        rules=rules,
        secrets=secrets,
        grant_administrator=grants,
        clock=clock,
    )


async def test_makes_an_administrator_with_a_one_time_password(create, users, grants):
    made = await create()

    admin = users.rows["admin"]
    assert made.user_id == "admin"
    assert admin.password_hash == f"new:{made.password}"
    assert admin.password_change_required
    assert made.password not in repr(made)
    assert len(made.password) >= 24


async def test_the_grant_comes_before_the_user(create, grants):
    await create()

    assert grants == [("users/admin", [])]


async def test_takes_the_password_given(create, users):
    made = await create("correct horse")

    assert made.password == ""
    assert users.rows["admin"].password_hash == "new:correct horse"
    assert users.rows["admin"].password_change_required


async def test_refuses_a_password_that_no_user_may_have(create, users, grants):
    with pytest.raises(InvalidArgumentError):
        await create("short")

    assert not users.rows
    assert not grants


async def test_does_nothing_where_there_are_users(create, users, alice, grants):
    assert await create() is None
    assert set(users.rows) == {"alice"}
    assert not grants


async def test_of_two_at_once_one_makes_it(create, users, hasher, alice):
    taken = dict(users.rows)
    users.rows.clear()
    first_hash = hasher.hash

    async def hash_slowly(password):
        users.rows.update(taken)
        return await first_hash(password)

    hasher.hash = hash_slowly

    assert await create() is None
    assert set(users.rows) == {"alice"}
