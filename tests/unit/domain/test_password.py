import pytest

from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.password import check_password


@pytest.mark.parametrize("password", ["12345678", "é" * 8, "x" * 1024, "é" * 512])
def test_long_enough_and_not_too_long_is_accepted(password):
    check_password(password, user_id="alice", field="password")


@pytest.mark.parametrize(
    "password", ["", "1234567", "é" * 7, "x" * 1025, "é" * 513, "alice.longname", "ALICE.LongName"]
)
def test_short_long_and_the_users_id_are_refused(password):
    with pytest.raises(InvalidArgumentError) as caught:
        check_password(password, user_id="alice.longname", field="new_password")

    assert caught.value.field == "new_password"
    assert password not in caught.value.message or not password
