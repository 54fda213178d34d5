from dataclasses import replace

from blrcs.domain.api_key import ApiKey
from blrcs.domain.service_account import ServiceAccount

ACCOUNT = ServiceAccount(id="robot", create_time_ns=1, update_time_ns=1)
KEY = ApiKey(
    service_account_id="robot",
    id="ci",
    prefix="blrcs_abc",
    secret_hash=b"hash",
    expire_time_ns=100,
    create_time_ns=1,
    update_time_ns=1,
)


def test_a_key_expires_at_its_expiry():
    assert not KEY.expired(99)
    assert KEY.expired(100)
    assert not replace(KEY, expire_time_ns=None).expired(2**62)


def test_tokens_of_each_generation_belong_to_another_session():
    later_key = replace(KEY, token_generation=1)
    later_account = replace(ACCOUNT, token_generation=1)

    ids = {
        key.token_session_id(account)
        for key in (KEY, later_key)
        for account in (ACCOUNT, later_account)
    }

    assert len(ids) == 4


def test_the_hash_stays_out_of_representations():
    assert "hash=b" not in repr(KEY)
