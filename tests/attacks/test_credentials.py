"""Where credentials stand, and how they are written: one way, and no other."""

import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from blrcs.v1 import auth_pb2, auth_pb2_grpc
from tests.attacks.raw_client import status
from tests.attacks.test_tokens import GET_USER, VICTIM_REQUEST, Forger, attempt
from tests.attacks.world import VICTIM, World, reason_in, world
from tests.e2e.workers import OPTIONS, bearer, sign_in, until
from tests.transports import TRANSPORTS

LIST = "/blrcs.v1.UserService/ListUsers"
CONNECTIONS = 8
SHORT_S = 3
LEEWAY_S = 30
Field = tuple[bytes, bytes]


def port_of(world: World) -> int:
    return int(world.server.address.rpartition(":")[2])


def test_the_name_of_a_scheme_has_any_case(attacked: World) -> None:
    token = attacked.admin[0][1].removeprefix("Bearer ").encode()
    for scheme in (b"Bearer ", b"bearer ", b"BEARER "):
        assert status(port_of(attacked), LIST, (b"authorization", scheme + token)) == "0"


@pytest.mark.parametrize(
    "write",
    [
        lambda token: [(b"authorization", token)],
        lambda token: [(b"authorization", b"Bearer" + token)],
        lambda token: [(b"authorization", b"Bearer\t" + token)],
        lambda token: [(b"authorization", b"Bearer  " + token)],
        lambda token: [(b"authorization", b"Bearer\xc2\xa0" + token)],
        lambda token: [(b"authorization", b"Bearer: " + token)],
        lambda token: [(b"authorization", b'Bearer "' + token + b'"')],
        lambda token: [(b"authorization", b"Bearer token=" + token)],
        lambda token: [(b"authorization", b"Basic " + token)],
        lambda token: [(b"authorization", b"Bearer " + token + b"\0")],
        lambda token: [(b"authorization", b"Bearer \0" + token)],
        lambda token: [(b"authorization", b"Bearer " + token + b"\r\nx: y")],
        lambda token: [(b"authorization", b"Bearer " + token + b"\xff")],
        lambda token: [(b"authorization", b"Bearer " + token + b", Bearer " + token)],
        lambda token: [(b"authorization", b"Bearer " + token + b",Bearer x")],
        lambda token: [(b"authorization", b"Bearer " + token), (b"authorization", b"Bearer x")],
        lambda token: [(b"authorization", b"Bearer x"), (b"authorization", b"Bearer " + token)],
        lambda token: [(b"authorization", b"Bearer " + token)] * 2,
        lambda token: [(b"authorization", b"")],
        lambda token: [(b"authorization", b"Bearer ")],
        lambda token: [(b"Authorization", b"Bearer " + token)],
        lambda token: [(b":authorization", b"Bearer " + token)],
        lambda token: [(b"authorization ", b"Bearer " + token)],
        lambda token: [(b"authorization-bin", b"Bearer " + token)],
        lambda token: [(b"proxy-authorization", b"Bearer " + token)],
        lambda token: [(b"x-forwarded-authorization", b"Bearer " + token)],
        lambda token: [(b"cookie", b"authorization=Bearer " + token)],
        lambda token: [(b"dpop", token)],
    ],
)
def test_credentials_stand_in_one_place_in_one_form(
    unharmed: World, write: Callable[[bytes], list[Field]]
) -> None:
    token = unharmed.admin[0][1].removeprefix("Bearer ").encode()
    # Some are no HTTP at all, and get no status.
    assert status(port_of(unharmed), LIST, *write(token)) in ("16", "13", "")


def test_a_token_in_the_path_is_none(attacked: World) -> None:
    token = attacked.admin[0][1].removeprefix("Bearer ")
    for path in (f"{LIST}?access_token={token}", f"{LIST}/{token}", f"{LIST}#{token}"):
        assert status(port_of(attacked), path) in ("12", "16", "")


def test_what_is_remembered_of_a_token_goes_by_the_clock(unharmed: World) -> None:
    forger = Forger(unharmed)
    now_s = int(time.time())
    ending = forger.claims(exp=now_s - LEEWAY_S + SHORT_S)
    coming = forger.claims(nbf=now_s + LEEWAY_S + SHORT_S)
    assert attempt(unharmed, ending)[0] is grpc.StatusCode.OK
    assert attempt(unharmed, coming)[1] == "TOKEN_NOT_YET_VALID"
    until(lambda: attempt(unharmed, ending)[1] == "TOKEN_EXPIRED")
    until(lambda: attempt(unharmed, coming)[0] is grpc.StatusCode.OK)
    assert attempt(unharmed, ending)[1] == "TOKEN_EXPIRED"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_every_worker_forgets_what_one_was_told_to(tmp_path: Path, transport: str) -> None:
    with world(tmp_path, transport, BLRCS_SERVER__WORKERS="2") as started:
        token = sign_in(started.channel, VICTIM)
        channels = [
            grpc.insecure_channel(started.server.address, OPTIONS) for _ in range(CONNECTIONS)
        ]

        def found() -> list[str]:
            reasons = []
            for channel in channels:
                started.channel = channel
                code, _, trailers, _ = started.call(GET_USER, VICTIM_REQUEST, bearer(token))
                reasons.append("" if code is grpc.StatusCode.OK else reason_in(trailers))
            return reasons

        assert found() == [""] * CONNECTIONS
        stub = auth_pb2_grpc.AuthServiceStub(channels[0])
        stub.SignOut(auth_pb2.SignOutRequest(), metadata=bearer(token))
        assert found() == ["TOKEN_REVOKED"] * CONNECTIONS
        for channel in channels:
            channel.close()
