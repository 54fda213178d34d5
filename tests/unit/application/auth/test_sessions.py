import pytest

from blrcs.application.auth.list_sessions import ListSessions
from blrcs.application.auth.purge_expired import PurgeExpired
from blrcs.application.auth.revoke_session import RevokeSession
from blrcs.application.auth.sign_out import SignOut
from blrcs.application.page import PageRequest
from blrcs.domain.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError
from tests.unit.application.identity_fakes import MINUTE_NS, make_user


@pytest.fixture
def list_sessions(users, sessions, page_tokens, clock):
    return ListSessions(users=users, sessions=sessions, page_tokens=page_tokens, clock=clock)


@pytest.fixture
async def five(sign_in, alice, clock):
    opened = []
    for _ in range(5):
        clock.advance(MINUTE_NS)
        opened.append((await sign_in("alice", "correct horse")).session)
    return opened


async def test_lists_the_newest_first_in_pages(list_sessions, five):
    seen, token = [], ""
    while True:
        page = await list_sessions("alice", PageRequest(2, token))
        seen.append([each.id for each in page.items])
        token = page.next_page_token
        if not token:
            break

    newest_first = [each.id for each in reversed(five)]
    assert seen == [newest_first[:2], newest_first[2:4], newest_first[4:]]


async def test_sessions_of_one_instant_are_listed_once(list_sessions, sign_in, alice):
    opened = {(await sign_in("alice", "correct horse")).session.id for _ in range(5)}
    seen, token = [], ""
    for _ in range(5):
        page = await list_sessions("alice", PageRequest(1, token))
        seen += [each.id for each in page.items]
        token = page.next_page_token

    assert set(seen) == opened
    assert token == ""


async def test_a_page_token_of_another_user_is_refused(list_sessions, users, five):
    users.rows["bob"] = make_user("bob")
    page = await list_sessions("alice", PageRequest(2))

    with pytest.raises(InvalidArgumentError, match="page_token"):
        await list_sessions("bob", PageRequest(2, page.next_page_token))


async def test_sessions_of_an_unknown_user_are_not_found(list_sessions):
    with pytest.raises(NotFoundError, match="users/nobody"):
        await list_sessions("nobody", PageRequest())


async def test_expired_sessions_are_not_listed(list_sessions, five, clock):
    clock.now_ns = five[2].expire_time_ns

    page = await list_sessions("alice", PageRequest())

    assert [each.id for each in page.items] == [five[4].id, five[3].id]


async def test_signing_out_ends_the_callers_session_alone(sessions, five):
    await SignOut(sessions=sessions)("users/alice", five[0].id)

    assert five[0].id not in sessions.rows
    assert len(sessions.rows) == 4


@pytest.mark.parametrize(
    ("actor", "session_id"), [("serviceAccounts/robot", "blrcs_x.0.0"), ("users/alice", "")]
)
async def test_a_token_without_a_session_cannot_sign_out(sessions, actor, session_id):
    with pytest.raises(FailedPreconditionError) as caught:
        await SignOut(sessions=sessions)(actor, session_id)

    assert caught.value.reason == "NO_SESSION"


async def test_a_session_is_revoked_under_its_own_users_name_alone(sessions, five):
    revoke_session = RevokeSession(sessions=sessions)
    with pytest.raises(NotFoundError, match="users/bob/sessions"):
        await revoke_session("bob", five[0].id)
    assert five[0].id in sessions.rows

    await revoke_session("alice", five[0].id)

    assert five[0].id not in sessions.rows
    with pytest.raises(NotFoundError):
        await revoke_session("alice", five[0].id)


async def test_purging_drops_expired_sessions(sessions, second_factors, five, clock):
    clock.now_ns = five[2].expire_time_ns

    assert await PurgeExpired(sessions=sessions, second_factors=second_factors, clock=clock)() == 3
    assert set(sessions.rows) == {five[3].id, five[4].id}
