from dataclasses import replace

import pytest

from blrcs.application.api_keys.api_key_fields import ApiKeyFields
from blrcs.application.api_keys.create_api_key import CreateApiKey
from blrcs.application.auth.issue_service_token import IssueServiceToken
from blrcs.domain.errors import UnauthenticatedError
from blrcs.domain.service_account import ServiceAccount
from tests.unit.application.identity_fakes import MINUTE_NS, NOW_NS


@pytest.fixture
def issue(api_keys, secrets, issuer, clock):
    return IssueServiceToken(api_keys=api_keys, secrets=secrets, tokens=issuer, clock=clock)


@pytest.fixture
async def created(accounts, api_keys, secrets, clock):
    accounts.rows["robot"] = ServiceAccount(
        id="robot", create_time_ns=NOW_NS, update_time_ns=NOW_NS
    )
    create = CreateApiKey(api_keys=api_keys, secrets=secrets, clock=clock)
    fields = ApiKeyFields(expire_time_ns=NOW_NS + 10 * MINUTE_NS)
    return await create("robot", "ci", fields)


async def refusal_of(issue, text):
    with pytest.raises(UnauthenticatedError) as caught:
        await issue(text)
    return caught.value.reason, caught.value.message


async def test_issues_a_token_that_names_the_key_and_ends_with_it(issue, created, issuer):
    tokens = await issue(created.text)

    assert tokens.refresh_token == ""
    assert issuer.issued == [
        (
            "serviceAccounts/robot",
            f"{created.key.prefix}.0.0",
            {"not_after_ns": created.key.expire_time_ns, "api_key_id": "ci"},
        )
    ]


async def test_all_keys_that_do_not_hold_are_refused_alike(
    issue, created, api_keys, accounts, clock
):
    key, account = created.key, accounts.rows["robot"]
    refusals = [
        await refusal_of(issue, "made up"),
        await refusal_of(issue, created.text[:-1] + "!"),
    ]
    api_keys.rows["robot", "ci"] = replace(key, disabled=True)
    refusals.append(await refusal_of(issue, created.text))
    api_keys.rows["robot", "ci"] = key
    accounts.rows["robot"] = replace(account, disabled=True)
    refusals.append(await refusal_of(issue, created.text))
    accounts.rows["robot"] = account
    clock.now_ns = key.expire_time_ns
    refusals.append(await refusal_of(issue, created.text))
    del api_keys.rows["robot", "ci"]
    refusals.append(await refusal_of(issue, created.text))

    assert refusals == [("API_KEY_INVALID", "the API key is not valid")] * 6


async def test_use_is_noted_at_most_once_a_minute(issue, created, api_keys, clock):
    for _ in range(5):
        await issue(created.text)
        clock.advance(20 * 1_000_000_000)

    assert api_keys.noted == [("ci", NOW_NS), ("ci", NOW_NS + MINUTE_NS)]
