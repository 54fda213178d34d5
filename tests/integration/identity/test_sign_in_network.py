"""Sign-in with second factors against a running server, over either transport."""

import base64
import time
from functools import partial

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from blrcs.app import running
from blrcs.config.loading import load_settings
from blrcs.monitoring.log_level import LogLevel
from blrcs.v1 import (
    auth_pb2,
    auth_pb2_grpc,
    credential_pb2,
    credential_pb2_grpc,
    user_pb2,
    user_pb2_grpc,
)
from tests.transports import TRANSPORTS
from tests.unit.application.second_factor_fakes import code_at

FIRST, PASSWORD = "the first password of all", "a password of its own"


class Client:
    """The services of a server, called as somebody."""

    def __init__(self, channel):
        self.auth = auth_pb2_grpc.AuthServiceStub(channel)
        self.users = user_pb2_grpc.UserServiceStub(channel)
        self.credentials = credential_pb2_grpc.CredentialServiceStub(channel)
        self.metadata = ()

    def use(self, tokens):
        self.metadata = (("authorization", f"Bearer {tokens.access_token}"),)

    async def sign_in(self, password=PASSWORD, user_id="admin"):
        request = auth_pb2.SignInRequest(user_id=user_id, password=password)
        return await self.auth.SignIn(request)

    async def complete(self, challenge, **proof):
        request = auth_pb2.CompleteSignInRequest(challenge_token=challenge.token, **proof)
        return await self.auth.CompleteSignIn(request)

    async def step_up(self, **proof):
        request = auth_pb2.StepUpRequest(**proof)
        self.use((await self.auth.StepUp(request, metadata=self.metadata)).tokens)

    async def enrol(self):
        """The authenticator's secret, when it was enrolled, and the recovery codes."""
        begun = await self.credentials.BeginTotp(
            credential_pb2.BeginTotpRequest(), metadata=self.metadata
        )
        secret, now_ns = base64.b32decode(begun.secret), time.time_ns()
        request = credential_pb2.ConfirmTotpRequest(
            enrolment_token=begun.enrolment_token, code=code_at(secret, now_ns)
        )
        confirmed = await self.credentials.ConfirmTotp(request, metadata=self.metadata)
        return secret, now_ns, list(confirmed.codes)

    async def disable(self):
        request = credential_pb2.DisableTotpRequest()
        await self.credentials.DisableTotp(request, metadata=self.metadata)


@pytest.fixture(params=TRANSPORTS)
async def client(request, tmp_path):
    """Signed in as the administrator, who has changed the password."""
    flags = {
        "data_directory": str(tmp_path),
        "server.host": "127.0.0.1",
        "server.port": 0,
        "server.transport": request.param,
        "metrics.enabled": False,
        "auth.initial_admin_password": FIRST,
    }
    load = partial(load_settings, environ={}, flags=flags)
    async with running(load(), load, LogLevel("error")) as application:
        address = application.addresses[0].split()[0]
        async with grpc.aio.insecure_channel(address) as channel:
            client = Client(channel)
            signed_in = await client.sign_in(FIRST)
            client.use(signed_in.tokens)
            change = user_pb2.ChangePasswordRequest(
                name="users/admin", old_password=FIRST, new_password=PASSWORD
            )
            await client.users.ChangePassword(change, metadata=client.metadata)
            client.use((await client.sign_in()).tokens)
            yield client


async def refusal_of(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    for each in rpc_status.from_call(caught.value).details:
        info = error_details_pb2.ErrorInfo()
        if each.Unpack(info):
            return caught.value.code().name, info.reason, dict(info.metadata)
    raise AssertionError("no reason was given")


async def test_the_road_of_a_second_factor(client):
    # Enrolled: the password alone opens no session any more.
    secret, enrolled_ns, recovery = await client.enrol()
    assert len(recovery) == 10
    asked = await client.sign_in()
    assert not asked.HasField("tokens")
    assert (asked.session, asked.challenge.totp) == ("", True)

    # The code that has confirmed is spent, the next one is good, and good once.
    spent, good = (code_at(secret, enrolled_ns, beside=steps) for steps in (0, 1))
    refused = ("UNAUTHENTICATED", "SECOND_FACTOR_INVALID", {})
    assert await refusal_of(client.complete(asked.challenge, totp_code=spent)) == refused
    signed_in = await client.complete(asked.challenge, totp_code=good)
    again = (await client.sign_in()).challenge
    assert await refusal_of(client.complete(again, totp_code=good)) == refused

    # The session that was opened by the password alone may not disable it; the new one may.
    demanded = {"acr_values": "aal2 phr", "max_age": "600"}
    assert await refusal_of(client.disable()) == ("UNAUTHENTICATED", "STEP_UP_REQUIRED", demanded)
    code, reason, _ = await refusal_of(client.step_up(password=PASSWORD))
    assert (code, reason) == ("FAILED_PRECONDITION", "SECOND_FACTOR_REQUIRED")
    await client.step_up(recovery_code=recovery[0])
    client.use(signed_in.tokens)
    await client.disable()
    assert (await client.sign_in()).tokens.access_token


async def test_who_is_unknown_is_answered_as_who_has_a_second_factor(client):
    await client.enrol()

    refusals = [
        await refusal_of(client.sign_in("wrong", user_id)) for user_id in ("admin", "nobody")
    ]

    assert refusals == [("UNAUTHENTICATED", "CREDENTIALS_INVALID", {})] * 2


async def test_codes_cannot_be_guessed(client):
    *_, recovery = await client.enrol()
    challenge = (await client.sign_in()).challenge

    reasons = [
        (await refusal_of(client.complete(challenge, recovery_code=f"guess-{i}")))[1]
        for i in range(6)
    ]

    assert reasons == ["SECOND_FACTOR_INVALID"] * 5 + ["SIGN_IN_THROTTLED"]
    refused = await refusal_of(client.complete(challenge, recovery_code=recovery[0]))
    assert refused[1] == "SIGN_IN_THROTTLED"


@pytest.mark.parametrize(
    "proof", [{}, {"totp_code": "12345"}, {"totp_code": "12345x"}, {"recovery_code": "x" * 65}]
)
async def test_malformed_answers_are_refused_before_anything_is_done(client, proof):
    await client.enrol()
    challenge = (await client.sign_in()).challenge

    refused = await refusal_of(client.complete(challenge, **proof))

    assert refused[0] == "INVALID_ARGUMENT"


async def test_who_may_call_what(client):
    assert (await refusal_of(client.credentials.BeginTotp(credential_pb2.BeginTotpRequest())))[
        1
    ] == "TOKEN_MISSING"
    request = user_pb2.CreateUserRequest(user_id="alice", password=FIRST, user=user_pb2.User())
    await client.users.CreateUser(request, metadata=client.metadata)
    client.use((await client.sign_in(FIRST, "alice")).tokens)
    change = user_pb2.ChangePasswordRequest(
        name="users/alice", old_password=FIRST, new_password=PASSWORD
    )
    await client.users.ChangePassword(change, metadata=client.metadata)
    client.use((await client.sign_in(user_id="alice")).tokens)

    own = credential_pb2.GetCredentialsRequest(name="users/alice/credentials")
    assert await client.credentials.GetCredentials(own, metadata=client.metadata)
    for method, other in (
        ("GetCredentials", credential_pb2.GetCredentialsRequest(name="users/admin/credentials")),
        ("ResetCredentials", credential_pb2.ResetCredentialsRequest(name="users/admin")),
        ("ResetCredentials", credential_pb2.ResetCredentialsRequest(name="users/alice")),
        ("UnlockUser", credential_pb2.UnlockUserRequest(name="users/alice")),
    ):
        call = getattr(client.credentials, method)(other, metadata=client.metadata)
        assert (await refusal_of(call))[1] == "PERMISSION_DENIED"
