"""Passkeys as people use them: made and asked for by a browser, on a page of some site."""

import json
from collections.abc import Iterator
from contextlib import ExitStack

import grpc
import pytest
from playwright.sync_api import Error

from blrcs.v1 import auth_pb2, auth_pb2_grpc, credential_pb2, credential_pb2_grpc
from tests.e2e.conftest import Start
from tests.e2e.workers import FIRST_PASSWORD, PASSWORD, TIMEOUT_S, administrator, bearer, code
from tests.servers.browser import Browser, browser, site

LOCAL = "localhost"


class Account:
    """An administrator's, with a passkey that was made on the site's page."""

    def __init__(self, channel: grpc.Channel, client: Browser) -> None:
        self.auth = auth_pb2_grpc.AuthServiceStub(channel)
        self.credentials = credential_pb2_grpc.CredentialServiceStub(channel)
        self.browser = client
        self._admin = administrator([channel, channel])

    def register(self) -> credential_pb2.FinishPasskeyResponse:
        """Makes one and has the server keep it."""
        begun = self.credentials.BeginPasskey(
            credential_pb2.BeginPasskeyRequest(), metadata=self._admin, timeout=TIMEOUT_S
        )
        request = credential_pb2.FinishPasskeyRequest(
            registration_token=begun.registration_token,
            credential=self.browser.create(begun.options),
            display_name="a browser",
        )
        return self.credentials.FinishPasskey(request, metadata=self._admin, timeout=TIMEOUT_S)

    def challenge(self) -> auth_pb2.SignInChallenge:
        """What a passkey may answer, whosever it is."""
        request = auth_pb2.BeginPasskeySignInRequest()
        return self.auth.BeginPasskeySignIn(request, timeout=TIMEOUT_S).challenge

    def complete(self, token: str, answer: str) -> auth_pb2.SignInResponse:
        request = auth_pb2.CompleteSignInRequest(challenge_token=token, passkey=answer)
        return self.auth.CompleteSignIn(request, timeout=TIMEOUT_S)

    def is_taken(self, challenge: auth_pb2.SignInChallenge, answer: str) -> bool:
        """Whether an answer signs in; any refusal but that of a wrong proof fails."""
        status = code(lambda: self.complete(challenge.token, answer))
        assert status in {grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED}
        return status is grpc.StatusCode.OK

    def step_up(self) -> None:
        """Proves to the session by the passkey who it is."""
        challenge = self.challenge()
        request = auth_pb2.StepUpRequest(
            passkey=self.answer(challenge), challenge_token=challenge.token
        )
        stepped = self.auth.StepUp(request, metadata=self._admin, timeout=TIMEOUT_S)
        self._admin = bearer(stepped.tokens.access_token)

    def answer(self, challenge: auth_pb2.SignInChallenge) -> str:
        return self.browser.get(challenge.passkey_options)


@pytest.fixture
def account(start: Start) -> Iterator[Account]:
    with ExitStack() as stack:
        origin = stack.enter_context(site())
        server = start(
            BLRCS_AUTH__INITIAL_ADMIN_PASSWORD=FIRST_PASSWORD,
            BLRCS_AUTH__PASSKEYS__RP_ID=LOCAL,
            BLRCS_AUTH__PASSKEYS__ORIGINS=json.dumps([origin]),
        )
        client = stack.enter_context(browser(origin))
        yield Account(stack.enter_context(grpc.insecure_channel(server.address)), client)


def test_a_passkey_signs_in_by_itself(account: Account) -> None:
    made = account.register()
    assert len(made.recovery_codes) == 10
    challenge = account.challenge()
    answer = account.answer(challenge)
    signed_in = account.complete(challenge.token, answer)
    assert signed_in.session.startswith("users/admin/sessions/")
    found = account.credentials.GetCredentials(
        credential_pb2.GetCredentialsRequest(name="users/admin/credentials"),
        metadata=bearer(signed_in.tokens.access_token),
        timeout=TIMEOUT_S,
    )
    assert [each.display_name for each in found.passkeys] == ["a browser"]
    # What the page has sent once is worth nothing to who has seen it.
    assert not account.is_taken(challenge, answer)
    assert not account.is_taken(account.challenge(), answer)


def test_beside_a_password_it_is_the_second_factor(account: Account) -> None:
    account.register()
    request = auth_pb2.SignInRequest(user_id="admin", password=PASSWORD)
    asked = account.auth.SignIn(request, timeout=TIMEOUT_S)
    assert not asked.tokens.access_token
    assert account.is_taken(asked.challenge, account.answer(asked.challenge))


def test_an_authenticator_is_registered_once(account: Account) -> None:
    account.register()
    assert code(account.register) is grpc.StatusCode.FAILED_PRECONDITION
    account.step_up()
    with pytest.raises(Error, match="InvalidStateError"):
        account.register()


def test_a_page_of_another_origin_gets_nowhere(account: Account) -> None:
    account.register()
    challenge = account.challenge()
    with site() as elsewhere:
        account.browser.visit(elsewhere)
        # The browser gives it away: ports are no part of what a passkey is bound to.
        answer = account.answer(challenge)
    assert not account.is_taken(challenge, answer)


def test_the_user_must_be_verified(account: Account) -> None:
    account.register()
    account.browser.verify_users(False)
    with pytest.raises(Error, match="NotAllowedError"):
        account.answer(account.challenge())


def is_copy_taken(account: Account, more: int) -> bool:
    """Whether one signs in that counts so many signatures more than there were."""
    (passkey,) = account.browser.passkeys()
    account.browser.replace(passkey | {"signCount": passkey["signCount"] + more})
    challenge = account.challenge()
    return account.is_taken(challenge, account.answer(challenge))


def test_a_copy_that_has_signed_less_is_refused(account: Account) -> None:
    account.register()
    for _ in range(3):
        challenge = account.challenge()
        assert account.is_taken(challenge, account.answer(challenge))
    assert not is_copy_taken(account, -2)
    assert is_copy_taken(account, 5)
