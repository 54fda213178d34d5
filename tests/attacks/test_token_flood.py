"""Forged tokens in great number: they are refused unverified, and nobody else notices."""

import base64
import itertools
import threading
from collections.abc import Iterator
from typing import Self

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from blrcs.v1 import auth_pb2, auth_pb2_grpc, user_pb2, user_pb2_grpc
from tests.attacks.test_audit import recorded
from tests.attacks.world import VICTIM, World, reason_in, world
from tests.e2e.workers import OPTIONS, PASSWORD, TIMEOUT_S, Metadata, bearer, sign_in
from tests.transports import TRANSPORTS

GET_USER = "/blrcs.v1.UserService/GetUser"
REQUEST = user_pb2.GetUserRequest(name=f"users/{VICTIM}").SerializeToString()
FAILURES = 5  # one more in each two minutes
ATTACKER, OTHER = "198.51.100.7", "203.0.113.9"
AUDIENCE = "orders"
OK = grpc.StatusCode.OK
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


def settings(transport: str) -> dict[str, str]:
    return {
        "BLRCS_SERVER__TRANSPORT": transport,
        "BLRCS_AUTH__FAILED_TOKENS_PER_ADDRESS": str(FAILURES),
        "BLRCS_AUTH__EXCHANGE_AUDIENCES": f'["{AUDIENCE}"]',
        "BLRCS_AUTH__NEWCOMER_TOKENS_PER_SECOND": "0",
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


@pytest.fixture(scope="module", params=TRANSPORTS)
def welcoming(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """One that gives newcomers from an address that floods a share."""
    share = settings(request.param) | {"BLRCS_AUTH__NEWCOMER_TOKENS_PER_SECOND": "20"}
    with world(tmp_path_factory.mktemp("welcoming"), request.param, **share) as started:
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


class Flood:
    """Forged tokens by one connection, all from one address, one after another without end."""

    def __init__(self, world: World, address: str) -> None:
        self._world, self._address = world, address
        self._refused = threading.Semaphore(0)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def wait_until_it_is_refused(self) -> None:
        for _ in range(100):
            assert self._refused.acquire(timeout=TIMEOUT_S)

    def goes_on(self) -> bool:
        """Whether one more is refused, of those that come from now on."""
        while self._refused.acquire(blocking=False):
            pass
        return self._refused.acquire(timeout=TIMEOUT_S)

    def _run(self) -> None:
        while not self._is_over.is_set():
            if call_from(self._world, self._address, forged(self._world))[0] is EXHAUSTED:
                self._refused.release()


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


def ask_by(world: World, method: str, asker: Metadata, address: str, token: str) -> str:
    """What comes of a token in a request; the reason where it is refused."""
    auth = auth_pb2_grpc.AuthServiceStub(world.channel)
    metadata = [*asker, ("x-forwarded-for", address)]
    try:
        if method == "Introspect":
            reply = auth.Introspect(auth_pb2.IntrospectRequest(token=token), metadata=metadata)
            return "active" if reply.active else "inactive"
        request = auth_pb2.ExchangeTokenRequest(
            subject=f"users/{VICTIM}",
            subject_token=token,
            audience=AUDIENCE,
            scope=["blrcs.users.get"],
        )
        assert auth.ExchangeToken(request, metadata=metadata).tokens.access_token
    except grpc.RpcError as error:
        return reason_in(dict(error.trailing_metadata()))
    return "exchanged"


@pytest.mark.parametrize(
    ("method", "refused", "known"),
    [("Introspect", "inactive", "active"), ("ExchangeToken", "SUBJECT_TOKEN", "exchanged")],
)
def test_forgeries_in_requests_are_paid_for_by_who_sends_them(
    flooded: World, address: str, method: str, refused: str, known: str
) -> None:
    # Each method has an asker of its own, who has not failed yet.
    asker = flooded.admin if method == "Introspect" else flooded.alice
    seen, new = own_token(flooded), own_token(flooded)
    assert ask_by(flooded, method, asker, address, seen) == known
    found = [ask_by(flooded, method, asker, address, forged(flooded)) for _ in range(FAILURES)]
    assert found == [refused] * FAILURES
    # One more is verified in each two seconds.
    while (said := ask_by(flooded, method, asker, address, forged(flooded))) == refused:
        pass
    assert said == "TOKEN_NOT_VERIFIED"
    assert ask_by(flooded, method, asker, address, seen) == known
    # Calls by tokens are counted apart.
    assert codes(flooded, address, [new]) == [OK]


def test_a_newcomer_gets_in_at_its_first_try_while_others_flood(
    welcoming: World, address: str
) -> None:
    new = own_token(welcoming)
    with Flood(welcoming, address) as flood:
        flood.wait_until_it_is_refused()
        for _ in range(3):
            with grpc.insecure_channel(welcoming.server.address, OPTIONS) as own:
                stub = user_pb2_grpc.UserServiceStub(own)
                user = stub.GetUser(
                    user_pb2.GetUserRequest(name=f"users/{VICTIM}"),
                    metadata=[*bearer(new), ("x-forwarded-for", address)],
                )
            assert user.name == f"users/{VICTIM}"
            new = own_token(welcoming)
        assert flood.goes_on()


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
