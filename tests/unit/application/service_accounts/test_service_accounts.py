import pytest

from blrcs.application.page import PageRequest
from blrcs.application.service_accounts.create_service_account import CreateServiceAccount
from blrcs.application.service_accounts.delete_service_account import DeleteServiceAccount
from blrcs.application.service_accounts.get_service_account import GetServiceAccount
from blrcs.application.service_accounts.list_service_accounts import ListServiceAccounts
from blrcs.application.service_accounts.service_account_fields import ServiceAccountFields
from blrcs.application.service_accounts.update_service_account import UpdateServiceAccount
from blrcs.domain.errors import (
    AbortedError,
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
)
from tests.unit.application.identity_fakes import NOW_NS

ADMIN = "users/admin"


@pytest.fixture
def create(accounts, secrets, clock):
    return CreateServiceAccount(accounts=accounts, secrets=secrets, clock=clock)


@pytest.fixture
def update(accounts, clock):
    return UpdateServiceAccount(accounts=accounts, clock=clock)


@pytest.fixture
def delete(accounts):
    return DeleteServiceAccount(accounts=accounts)


@pytest.fixture
async def robot(create):
    return await create("robot", ServiceAccountFields(display_name="Robot"))


async def test_creates_under_the_id_given_or_a_made_up_one(create, accounts, robot):
    other = await create("", ServiceAccountFields())

    assert accounts.rows == {"robot": robot, other.id: other}
    assert other.id
    assert (robot.display_name, robot.create_time_ns) == ("Robot", NOW_NS)
    with pytest.raises(AlreadyExistsError, match="serviceAccounts/robot"):
        await create("robot", ServiceAccountFields())


async def test_gets_an_account_by_id(accounts, robot):
    get = GetServiceAccount(accounts=accounts)

    assert await get("robot") == robot
    with pytest.raises(NotFoundError, match="serviceAccounts/nobody"):
        await get("nobody")


async def test_lists_accounts_by_id_in_pages(create, accounts, page_tokens):
    for account_id in ("c", "a", "b"):
        await create(account_id, ServiceAccountFields())
    list_accounts = ListServiceAccounts(accounts=accounts, page_tokens=page_tokens)

    first = await list_accounts(PageRequest(2))
    second = await list_accounts(PageRequest(2, first.next_page_token))

    assert [each.id for each in [*first.items, *second.items]] == ["a", "b", "c"]
    with pytest.raises(InvalidArgumentError):
        await list_accounts(PageRequest(2, page_tokens.issue("users", "a")))


async def test_updates_what_the_mask_names(update, robot):
    fields = ServiceAccountFields(display_name="new", disabled=True)

    account = await update("robot", fields, mask=["display_name"], etag=robot.etag, actor=ADMIN)

    assert (account.display_name, account.disabled) == ("new", False)
    assert account.etag != robot.etag
    with pytest.raises(AbortedError):
        await update("robot", fields, mask=["display_name"], etag=robot.etag, actor=ADMIN)
    with pytest.raises(InvalidArgumentError):
        await update("robot", fields, mask=["token_generation"], etag="", actor=ADMIN)


async def test_disabling_begins_a_generation_of_tokens_and_enabling_none(update, robot):
    generations = []
    for disabled in (True, True, False, True):
        fields = ServiceAccountFields(disabled=disabled)
        account = await update("robot", fields, mask=["disabled"], etag="", actor=ADMIN)
        generations.append(account.token_generation)

    assert generations == [1, 1, 1, 2]


async def test_nobody_disables_or_deletes_itself(update, delete, accounts, robot):
    fields = ServiceAccountFields(disabled=True)
    with pytest.raises(FailedPreconditionError):
        await update("robot", fields, mask=[], etag="", actor="serviceAccounts/robot")
    with pytest.raises(FailedPreconditionError):
        await delete("robot", etag="", actor="serviceAccounts/robot")

    assert accounts.rows["robot"] == robot


async def test_deletes_the_revision_that_the_etag_names(delete, accounts, robot):

    with pytest.raises(AbortedError):
        await delete("robot", etag="other", actor=ADMIN)
    await delete("robot", etag=robot.etag, actor=ADMIN)

    assert not accounts.rows
