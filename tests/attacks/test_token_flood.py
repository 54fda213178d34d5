"""Forged tokens in great number: they are refused unverified, and nobody else notices."""

import base64
import itertools
from collections.abc import Iterator

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from blrcs.v1 import auth_pb2, auth_pb2_grpc, user_pb2
from tests.attacks.test_audit import recorded
from tests.attacks.world import VICTIM, World, world
from tests.e2e.workers import OPTIONS, PASSWORD, Metadata, bearer, sign_in
from tests.transports import TRANSPORTS

GET_USER = "/blrcs.v1.UserService/GetUser"
REQUEST = user_pb2.GetUserRequest(name=f"users/{VICTIM}").SerializeToString()
FAILURES = 5  # one more in each two minutes
ATTACKER, OTHER = "198.51.100.7", "203.0.113.9"
OK = grpc.StatusCode.OK
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


def settings(transport: str) -> dict[str, str]:
    return {
        "BLRCS_SERVER__TRANSPORT": transport,
        "BLRCS_AUTH__FAILED_TOKENS_PER_ADDRESS": str(FAILURES),
        "BLRCS_NETWORK__TRUSTED_PROXIES": '["127.0.0.1", "::1"]',
    }


@pytest.fixture(scope="module", params=TRANSPORTS)
def flooded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    with world(
        tmp_path_factory.mktemp("flooded"), request.param, **settings(request.param)
    ) as started:
        yield started


@pytest.fixture
def address() -> str:
    """One from which nobody has called yet."""
    return f"198.51.100.{next(NEXT)}"


NEXT = itertools.count(1)
NUMBERS = itertools.count(1)


def forged(world: World) -> str:
    """A token as good as any but for its signature, and never the same."""
    message, _, _ = world.alice[0][1].removeprefix("Bearer ").rpartition(".")
    # Below the order of the curve, so that it has to be verified.
    signature = next(NUMBERS).to_bytes(63, "big") + b"\0"
    return f"{message}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def call_from(
    world: World, address: str, token: str
) -> tuple[grpc.StatusCode, status_pb2.Status, dict[str, str | bytes]]:
    metadata: Metadata = [*bearer(token), ("x-forwarded-for", address)]
    code, _, trailers, _ = world.call(GET_USER, REQUEST, metadata)
    found = dict(trailers)
    details = found.get("grpc-status-details-bin", b"")
    assert isinstance(details, bytes)
    return code, status_pb2.Status.FromString(details), found


def codes(world: World, address: str, tokens: list[str]) -> list[grpc.StatusCode]:
    return [call_from(world, address, token)[0] for token in tokens]


def own_token(world: World) -> str:
    return sign_in(world.channel, VICTIM)


def test_an_address_has_so_many_forgeries_looked_at(flooded: World, address: str) -> None:
    found = codes(flooded, address, [forged(flooded) for _ in range(100)])
    assert found == [UNAUTHENTICATED] * FAILURES + [EXHAUSTED] * (100 - FAILURES)


def test_who_waits_is_told_that_the_token_may_be_good(flooded: World, address: str) -> None:
    codes(flooded, address, [forged(flooded) for _ in range(FAILURES)])
    code, status, trailers = call_from(flooded, address, own_token(flooded))
    assert code is EXHAUSTED
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(info)
    assert status.details[1].Unpack(retry)
    assert info.reason == "TOKEN_NOT_VERIFIED"
    assert retry.retry_delay.ToSeconds() == 600 // FAILURES
    assert trailers["grpc-retry-pushback-ms"] == str(600_000 // FAILURES)
    assert "www-authenticate" not in trailers


def test_who_was_let_in_before_stays_in_and_others_do_not_notice(
    flooded: World, address: str
) -> None:
    known, new = own_token(flooded), own_token(flooded)
    assert codes(flooded, address, [known]) == [OK]
    assert codes(flooded, address, [forged(flooded) for _ in range(50)])[-1] is EXHAUSTED
    assert codes(flooded, address, [known, new, known]) == [OK, EXHAUSTED, OK]
    assert codes(flooded, OTHER, [new]) == [OK]
    # What was verified there is known here.
    assert codes(flooded, address, [new]) == [OK]


def test_no_other_address_of_a_network_is_another(flooded: World) -> None:
    tokens = [forged(flooded) for _ in range(FAILURES + 1)]
    addresses = [f"2001:db8:1:1::{number:x}" for number in range(1, FAILURES + 2)]
    found = [
        call_from(flooded, address, token)[0]
        for address, token in zip(addresses, tokens, strict=True)
    ]
    assert found == [UNAUTHENTICATED] * FAILURES + [EXHAUSTED]
    assert codes(flooded, "2001:db8:1:2::1", [own_token(flooded)]) == [OK]


def test_one_forgery_sent_again_is_told_from_a_flood(flooded: World, address: str) -> None:
    one = forged(flooded)
    assert codes(flooded, address, [one] * 50) == [UNAUTHENTICATED] * 50
    assert codes(flooded, address, [own_token(flooded)]) == [OK]


def test_whoever_signs_in_is_served_whatever_its_address_has_sent(
    flooded: World, address: str
) -> None:
    codes(flooded, address, [forged(flooded) for _ in range(FAILURES + 1)])
    request = auth_pb2.SignInRequest(user_id=VICTIM, password=PASSWORD)
    stub = auth_pb2_grpc.AuthServiceStub(flooded.channel)
    assert stub.SignIn(request, metadata=[("x-forwarded-for", address)]).tokens.access_token


def test_what_is_not_verified_is_in_the_audit_log(flooded: World, address: str) -> None:
    with recorded(flooded) as events:
        codes(flooded, address, [forged(flooded) for _ in range(FAILURES + 20)])
    counts: dict[str, int] = {}
    for each in events:
        if each.text("address") == address:
            reason = each.text("reason")
            counts[reason] = counts.get(reason, 0) + each.values.get("count", 1)
    assert counts == {"TOKEN_SIGNATURE_INVALID": FAILURES, "TOKEN_NOT_VERIFIED": 20}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_all_workers_count_together(
    tmp_path_factory: pytest.TempPathFactory, transport: str
) -> None:
    folder = tmp_path_factory.mktemp("workers")
    with world(folder, transport, BLRCS_SERVER__WORKERS="2", **settings(transport)) as started:
        found = []
        for _ in range(12):
            with grpc.insecure_channel(started.server.address, OPTIONS) as channel:
                started.channel = channel
                found.append(codes(started, ATTACKER, [forged(started)])[0])
    assert found == [UNAUTHENTICATED] * FAILURES + [EXHAUSTED] * (12 - FAILURES)
