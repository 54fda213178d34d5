import pytest

from blrcs.application.api_keys.api_key_fields import ApiKeyFields
from blrcs.application.api_keys.create_api_key import CreateApiKey
from blrcs.application.api_keys.delete_api_key import DeleteApiKey
from blrcs.application.api_keys.get_api_key import GetApiKey
from blrcs.application.api_keys.list_api_keys import ListApiKeys
from blrcs.application.api_keys.update_api_key import UpdateApiKey
from blrcs.application.page import PageRequest
from blrcs.domain.errors import (
    AbortedError,
    AlreadyExistsError,
    InvalidArgumentError,
    NotFoundError,
)
from blrcs.domain.service_account import ServiceAccount
from tests.unit.application.identity_fakes import MINUTE_NS, NOW_NS


@pytest.fixture(autouse=True)
def robots(accounts):
    for account_id in ("robot", "other"):
        accounts.rows[account_id] = ServiceAccount(
            id=account_id, create_time_ns=NOW_NS, update_time_ns=NOW_NS
        )


@pytest.fixture
def create(api_keys, secrets, clock):
    return CreateApiKey(api_keys=api_keys, secrets=secrets, clock=clock)


@pytest.fixture
def update(api_keys, clock):
    return UpdateApiKey(api_keys=api_keys, clock=clock)


@pytest.fixture
async def ci(create):
    return (await create("robot", "ci", ApiKeyFields(display_name="CI"))).key


async def test_stores_a_hash_and_a_prefix_of_the_key_alone(create, api_keys, secrets):
    created = await create("robot", "ci", ApiKeyFields(display_name="CI"))

    stored = api_keys.rows["robot", "ci"]
    assert stored == created.key
    assert stored.secret_hash == secrets.api_key_hash(created.text)
    assert created.text.startswith(stored.prefix)
    assert len(stored.prefix) < len(created.text) / 2
    assert created.text not in repr(created)


async def test_makes_up_an_id_and_uses_each_once(create, api_keys, ci):
    other = await create("robot", "", ApiKeyFields())

    assert other.key.id
    assert other.key.prefix != ci.prefix
    with pytest.raises(AlreadyExistsError, match="serviceAccounts/robot/apiKeys/ci"):
        await create("robot", "ci", ApiKeyFields())
    with pytest.raises(NotFoundError, match="serviceAccounts/nobody"):
        await create("nobody", "ci", ApiKeyFields())


@pytest.mark.parametrize("expire_time_ns", [0, NOW_NS - 1, NOW_NS])
async def test_a_key_expires_in_the_future(create, update, ci, api_keys, expire_time_ns):
    fields = ApiKeyFields(expire_time_ns=expire_time_ns)

    with pytest.raises(InvalidArgumentError, match="expire_time"):
        await create("robot", "old", fields)
    with pytest.raises(InvalidArgumentError, match="expire_time"):
        await update("robot", "ci", fields, mask=["expire_time"], etag="")

    assert api_keys.rows == {("robot", "ci"): ci}


async def test_an_expired_key_can_be_renamed_with_all_its_fields(create, update, clock):
    fields = ApiKeyFields(expire_time_ns=NOW_NS + MINUTE_NS)
    await create("robot", "old", fields)
    clock.advance(2 * MINUTE_NS)
    renamed = ApiKeyFields(display_name="new", expire_time_ns=NOW_NS + MINUTE_NS)

    key = await update("robot", "old", renamed, mask=[], etag="")

    assert (key.display_name, key.expire_time_ns) == ("new", NOW_NS + MINUTE_NS)


async def test_gets_and_lists_the_accounts_own_keys(create, ci, accounts, api_keys, page_tokens):
    for key_id in ("b", "a"):
        await create("robot", key_id, ApiKeyFields())
    await create("other", "z", ApiKeyFields())
    list_keys = ListApiKeys(accounts=accounts, api_keys=api_keys, page_tokens=page_tokens)

    first = await list_keys("robot", PageRequest(2))
    second = await list_keys("robot", PageRequest(2, first.next_page_token))

    assert [each.id for each in [*first.items, *second.items]] == ["a", "b", "ci"]
    with pytest.raises(InvalidArgumentError, match="page_token"):
        await list_keys("other", PageRequest(2, first.next_page_token))
    with pytest.raises(NotFoundError, match="serviceAccounts/nobody"):
        await list_keys("nobody", PageRequest(2))
    get = GetApiKey(api_keys=api_keys)
    assert await get("robot", "ci") == ci
    with pytest.raises(NotFoundError, match="serviceAccounts/other/apiKeys/ci"):
        await get("other", "ci")


async def test_updates_what_the_mask_names(update, ci):
    fields = ApiKeyFields(disabled=True, expire_time_ns=NOW_NS + MINUTE_NS)

    key = await update("robot", "ci", fields, mask=["expire_time"], etag=ci.etag)

    assert (key.display_name, key.disabled) == ("CI", False)
    assert key.expire_time_ns == NOW_NS + MINUTE_NS
    with pytest.raises(AbortedError):
        await update("robot", "ci", fields, mask=["expire_time"], etag=ci.etag)
    for path in ("prefix", "secret_hash", "use_time", "expire_time_ns"):
        with pytest.raises(InvalidArgumentError, match="update_mask"):
            await update("robot", "ci", fields, mask=[path], etag="")


async def test_disabling_and_earlier_expiry_begin_a_generation_of_tokens(update, ci):
    steps = [
        ({"display_name": "new"}, 0),
        ({"disabled": True}, 1),
        ({"disabled": True}, 1),
        ({"disabled": False}, 1),
        ({"expire_time_ns": NOW_NS + 20 * MINUTE_NS}, 2),
        ({"expire_time_ns": NOW_NS + 30 * MINUTE_NS}, 2),
        ({"expire_time_ns": NOW_NS + 10 * MINUTE_NS}, 3),
        ({"expire_time_ns": None}, 3),
    ]
    for values, generation in steps:
        mask = [name.removesuffix("_ns") for name in values]
        key = await update("robot", "ci", ApiKeyFields(**values), mask=mask, etag="")
        assert key.token_generation == generation, values


async def test_deletes_the_revision_that_the_etag_names(api_keys, ci):
    delete = DeleteApiKey(api_keys=api_keys)

    with pytest.raises(AbortedError):
        await delete("robot", "ci", etag="other")
    await delete("robot", "ci", etag=ci.etag)

    assert not api_keys.rows
    with pytest.raises(NotFoundError):
        await delete("robot", "ci", etag="")
