import pytest

from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.identity_name import (
    api_key_ids_in,
    api_key_name,
    is_user_name,
    service_account_id_in,
    service_account_name,
    session_ids_in,
    session_name,
    user_id_in,
    user_name,
)


def test_ids_come_out_of_names_as_they_went_in():
    assert user_id_in(user_name("alice")) == "alice"
    assert service_account_id_in(service_account_name("robot")) == "robot"
    assert session_ids_in(session_name("alice", "s-1")) == ("alice", "s-1")
    assert api_key_ids_in(api_key_name("robot", "ci")) == ("robot", "ci")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "alice",
        "users",
        "users/",
        "/alice",
        "users/alice/",
        "Users/alice",
        "users/alice/sessions",
        "users/alice/sessions/s",
        "users//sessions/s",
        "serviceAccounts/alice",
    ],
)
def test_other_names_are_refused(name):
    with pytest.raises(InvalidArgumentError) as caught:
        user_id_in(name, field="user.name")

    assert caught.value.field == "user.name"


def test_tells_users_from_other_principals():
    assert is_user_name("users/alice")
    assert not is_user_name("serviceAccounts/users")
    assert not is_user_name("usersx/alice")
