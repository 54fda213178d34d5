"""Guessing: passwords, codes, challenges and passkeys, and who is kept out by it."""

import base64
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from blrcs.v1 import auth_pb2, auth_pb2_grpc, credential_pb2, credential_pb2_grpc, user_pb2
from tests.attacks.world import World, reason_in, world
from tests.authenticator import ORIGIN, RP_ID, Authenticator
from tests.e2e.workers import PASSWORD, TIMEOUT_S, Metadata
from tests.transports import TRANSPORTS
from tests.unit.application.second_factor_fakes import code_at

CALLERS = 20
PASSKEYS = {
    "BLRCS_AUTH__PASSKEYS__RP_ID": RP_ID,
    "BLRCS_AUTH__PASSKEYS__ORIGINS": f'["{ORIGIN}"]',
}


@pytest.fixture(params=TRANSPORTS)
def besieged(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """One for a single test, which may use up what anybody has."""
    with world(tmp_path, request.param, **PASSKEYS) as started:
        yield started


class Victim:
    """Alice, who has an authenticator, recovery codes and a passkey."""

    def __init__(self, world: World) -> None:
        self.auth = auth_pb2_grpc.AuthServiceStub(world.channel)
        self.credentials = credential_pb2_grpc.CredentialServiceStub(world.channel)
        self.metadata = world.alice
        begun = self.credentials.BeginTotp(
            credential_pb2.BeginTotpRequest(), metadata=self.metadata
        )
        self.secret, self.enrolled_ns = base64.b32decode(begun.secret), time.time_ns()
        confirm = credential_pb2.ConfirmTotpRequest(
            enrolment_token=begun.enrolment_token, code=code_at(self.secret, self.enrolled_ns)
        )
        confirmed = self.credentials.ConfirmTotp(confirm, metadata=self.metadata)
        self.recovery_codes = list(confirmed.codes)

    def next_code(self) -> str:
        """The one after that which has confirmed."""
        return code_at(self.secret, self.enrolled_ns, beside=1)

    def challenge(self) -> auth_pb2.SignInChallenge:
        """As anybody gets it who knows the password."""
        request = auth_pb2.SignInRequest(user_id="alice", password=PASSWORD)
        return self.auth.SignIn(request, timeout=TIMEOUT_S).challenge

    def answer(self, token: str, **proof: str) -> str:
        """The reason of the refusal; empty where a session was opened."""
        request = auth_pb2.CompleteSignInRequest(challenge_token=token, **proof)
        return reason_of(lambda: self.auth.CompleteSignIn(request, timeout=TIMEOUT_S))

    def step_up(self, metadata: Metadata, **proof: str) -> Metadata:
        request = auth_pb2.StepUpRequest(**proof)
        tokens = self.auth.StepUp(request, metadata=metadata, timeout=TIMEOUT_S).tokens
        return [("authorization", f"Bearer {tokens.access_token}")]


def reason_of(call: object) -> str:
    try:
        call()  # type: ignore[operator]
    except grpc.RpcError as error:
        return reason_in(dict(error.trailing_metadata()))
    return ""


def many(calls: list[object]) -> list[str]:
    """The reasons of calls made at once."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(lambda call: call(), calls))  # type: ignore[operator]


def test_passwords_are_guessed_a_few_times_and_no_session_comes_of_it(besieged: World) -> None:
    auth = auth_pb2_grpc.AuthServiceStub(besieged.channel)

    def guess(number: int, user_id: str = "alice") -> str:
        request = auth_pb2.SignInRequest(user_id=user_id, password=f"guess {number} of many")
        return reason_of(lambda: auth.SignIn(request, timeout=TIMEOUT_S))

    for user_id in ("alice", "nobody"):
        reasons = [guess(number, user_id) for number in range(40)]
        assert set(reasons) == {"CREDENTIALS_INVALID", "SIGN_IN_THROTTLED"}
        assert reasons.count("CREDENTIALS_INVALID") < 20, user_id


def test_guesses_made_at_once_are_counted_too(besieged: World) -> None:
    auth = auth_pb2_grpc.AuthServiceStub(besieged.channel)

    def guess(number: int) -> str:
        request = auth_pb2.SignInRequest(user_id="nobody", password=f"guess {number} of many")
        return reason_of(lambda: auth.SignIn(request, timeout=TIMEOUT_S))

    reasons = many([lambda number=number: guess(number) for number in range(40)])

    assert 0 < reasons.count("CREDENTIALS_INVALID") <= 12
    assert reasons.count("SIGN_IN_THROTTLED") >= 28


def test_the_owner_signs_in_from_where_she_does_while_others_guess(besieged: World) -> None:
    auth = auth_pb2_grpc.AuthServiceStub(besieged.channel)
    wrong = auth_pb2.SignInRequest(user_id="mallory", password="a guess of somebody")
    right = auth_pb2.SignInRequest(user_id="mallory", password=PASSWORD)
    reasons = [reason_of(lambda: auth.SignIn(wrong, timeout=TIMEOUT_S)) for _ in range(11)]
    assert reasons[-1] in {"SIGN_IN_THROTTLED", "CREDENTIALS_INVALID"}

    assert auth.SignIn(right, timeout=TIMEOUT_S).tokens.access_token


def test_one_code_presented_by_many_at_once_opens_one_session(besieged: World) -> None:
    victim = Victim(besieged)
    tokens = [victim.challenge().token for _ in range(5)]
    code = victim.next_code()

    reasons = many([lambda token=token: victim.answer(token, totp_code=code) for token in tokens])

    assert reasons.count("") == 1
    assert set(reasons) <= {"", "SECOND_FACTOR_INVALID", "SIGN_IN_THROTTLED"}


def test_one_recovery_code_presented_by_many_at_once_opens_one_session(besieged: World) -> None:
    victim = Victim(besieged)
    tokens = [victim.challenge().token for _ in range(5)]
    code = victim.recovery_codes[0]

    reasons = many(
        [lambda token=token: victim.answer(token, recovery_code=code) for token in tokens]
    )

    assert reasons.count("") == 1


def test_codes_are_not_guessed(besieged: World) -> None:
    victim = Victim(besieged)
    token = victim.challenge().token

    reasons = many(
        [
            lambda number=number: victim.answer(token, totp_code=f"{number:06}")
            for number in range(CALLERS)
        ]
    )

    assert "" not in reasons
    assert reasons.count("SECOND_FACTOR_INVALID") <= 7
    assert victim.answer(token, recovery_code=victim.recovery_codes[0]) == "SIGN_IN_THROTTLED"


def test_challenges_are_not_made_up(besieged: World) -> None:
    victim = Victim(besieged)
    token = victim.challenge().token
    code = victim.recovery_codes[0]
    begun = victim.credentials.BeginTotp(
        credential_pb2.BeginTotpRequest(),
        metadata=victim.step_up(victim.metadata, recovery_code=victim.recovery_codes[1]),
    )

    flipped = token[:-8] + ("A" if token[-8] != "A" else "B") + token[-7:]
    for forged in (flipped, token[:-4], token + "AAAA", begun.enrolment_token, "A" * 200):
        assert victim.answer(forged, recovery_code=code) == "CHALLENGE_INVALID"
    assert victim.answer(token, recovery_code=code) == ""


def test_a_stolen_token_changes_no_second_factor(besieged: World) -> None:
    victim = Victim(besieged)
    stolen = besieged.alice  # of the session that was opened by the password alone

    for call in (
        lambda: victim.credentials.DisableTotp(
            credential_pb2.DisableTotpRequest(), metadata=stolen
        ),
        lambda: victim.credentials.RegenerateRecoveryCodes(
            credential_pb2.RegenerateRecoveryCodesRequest(), metadata=stolen
        ),
        lambda: victim.credentials.DeletePasskey(
            credential_pb2.DeletePasskeyRequest(name="users/alice/passkeys/p"), metadata=stolen
        ),
    ):
        assert reason_of(call) == "STEP_UP_REQUIRED"
    for call in (
        lambda: victim.credentials.BeginTotp(credential_pb2.BeginTotpRequest(), metadata=stolen),
        lambda: victim.credentials.BeginPasskey(
            credential_pb2.BeginPasskeyRequest(), metadata=stolen
        ),
        lambda: victim.step_up(stolen, password=PASSWORD),
    ):
        assert reason_of(call) == "SECOND_FACTOR_REQUIRED"


def test_nobody_else_steps_up_or_enrols_for_her(besieged: World) -> None:
    victim = Victim(besieged)
    mallory = besieged.mallory

    request = auth_pb2.StepUpRequest(recovery_code=victim.recovery_codes[0])
    reason = reason_of(lambda: victim.auth.StepUp(request, metadata=mallory, timeout=TIMEOUT_S))
    assert reason == "SECOND_FACTOR_INVALID"
    begun = victim.credentials.BeginTotp(credential_pb2.BeginTotpRequest(), metadata=mallory)
    confirm = credential_pb2.ConfirmTotpRequest(
        enrolment_token=begun.enrolment_token,
        code=code_at(base64.b32decode(begun.secret), time.time_ns()),
    )
    as_alice = victim.step_up(victim.metadata, recovery_code=victim.recovery_codes[0])
    reason = reason_of(lambda: victim.credentials.ConfirmTotp(confirm, metadata=as_alice))
    assert reason == "CHALLENGE_INVALID"
    reset = credential_pb2.ResetCredentialsRequest(name="users/alice")
    unlock = credential_pb2.UnlockUserRequest(name="users/alice")
    for refused in (
        lambda: victim.credentials.ResetCredentials(reset, metadata=mallory),
        lambda: victim.credentials.UnlockUser(unlock, metadata=mallory),
    ):
        assert reason_of(refused) == "PERMISSION_DENIED"


def test_passkeys_of_another_site_or_challenge_open_nothing(besieged: World) -> None:
    auth = auth_pb2_grpc.AuthServiceStub(besieged.channel)
    credentials = credential_pb2_grpc.CredentialServiceStub(besieged.channel)
    authenticator = Authenticator()
    begun = credentials.BeginPasskey(credential_pb2.BeginPasskeyRequest(), metadata=besieged.alice)
    finish = credential_pb2.FinishPasskeyRequest(
        registration_token=begun.registration_token,
        credential=authenticator.create(begun.options),
    )
    credentials.FinishPasskey(finish, metadata=besieged.alice)

    def begin() -> auth_pb2.SignInChallenge:
        request = auth_pb2.BeginPasskeySignInRequest()
        return auth.BeginPasskeySignIn(request, timeout=TIMEOUT_S).challenge

    def answer(token: str, passkey: str) -> str:
        request = auth_pb2.CompleteSignInRequest(challenge_token=token, passkey=passkey)
        return reason_of(lambda: auth.CompleteSignIn(request, timeout=TIMEOUT_S))

    asked, other = begin(), begin()
    phished = authenticator.get(asked.passkey_options, origin="https://examp1e.org")
    good = authenticator.get(asked.passkey_options)
    stranger = Authenticator().get(asked.passkey_options)
    for token, passkey in (
        (asked.token, phished),
        (asked.token, stranger),
        (other.token, good),
        (asked.token, "{}"),
        (asked.token, "[" * 16_000),
    ):
        assert answer(token, passkey) == "PASSKEY_INVALID"

    reasons = many([lambda: answer(asked.token, good) for _ in range(CALLERS)])

    assert reasons.count("") == 1
    assert set(reasons) == {"", "PASSKEY_INVALID"}


def test_passwords_that_are_guessed_first_cannot_be_chosen(unharmed: World) -> None:
    for password in ("password", "qwertyuiop", "mallory1", "aaaaaaaaaaaa", "short"):
        request = user_pb2.ChangePasswordRequest(
            name="users/mallory", old_password=PASSWORD, new_password=password
        )
        code, _, _, _ = unharmed.call(
            "/blrcs.v1.UserService/ChangePassword",
            request.SerializeToString(),
            unharmed.mallory,
        )
        assert code is grpc.StatusCode.INVALID_ARGUMENT
