"""Sign-ins, proofs and signing keys of two machines that share a PostgreSQL, with Redis or not."""

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blrcs.security.sign_in_throttle import FIRST_WAIT_NS
from blrcs.v1 import auth_pb2, auth_pb2_grpc, credential_pb2, credential_pb2_grpc
from tests.e2e.conftest import Start
from tests.e2e.machines import channels_of, start_two
from tests.e2e.server import Server, blrcs
from tests.e2e.test_shared_redis import until
from tests.e2e.test_workers_proofs import GET_USER, ORIGIN, SIGN_IN, proof, use
from tests.e2e.workers import (
    FIRST_PASSWORD,
    PASSWORD,
    Metadata,
    administrator,
    bearer,
    children,
    code,
    sign_in,
)
from tests.servers.postgresql import PostgresqlServer
from tests.servers.redis import RedisServer, redis

OK, REFUSED = grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
MASTER_KEY = "encryption_key"
FAILURES, FAMILIAR_FAILURES = 10, 5


@pytest.fixture(params=["redis", "database"])
def redis_alone(request: pytest.FixtureRequest) -> Iterator[RedisServer | None]:
    """One that a test may stop."""
    if request.param == "database":
        yield None
        return
    with redis() as server:
        yield server


@pytest.fixture
def servers(
    request: pytest.FixtureRequest,
    start: Start,
    tmp_path: Path,
    postgresql_server: PostgresqlServer,
    redis_alone: RedisServer | None,
) -> list[Server]:
    """Two, as on two machines; the second one has two workers."""
    database = "sign_in_" + str(abs(hash(request.node.name)))
    postgresql_server.create_database(database)
    names = ("Auth", "User", "Credential")
    policies: dict[str, object] = {f"/blrcs.v1.{name}Service/*": {"limits": []} for name in names}
    environ = {
        "BLRCS_AUTH__KEYS": "database",
        "BLRCS_DATABASE__URL": postgresql_server.url(database),
        "BLRCS_AUTH__INITIAL_ADMIN_PASSWORD": FIRST_PASSWORD,
        "BLRCS_AUTH__PASSWORD__HASH_TIME": "0s",
        "BLRCS_AUTH__PROOF_ORIGINS": json.dumps([ORIGIN]),
        "BLRCS_POLICIES": json.dumps(policies),
    }
    if redis_alone is not None:
        environ["BLRCS_REDIS__URL"] = redis_alone.url()
    return start_two(start, tmp_path, workers="2", shared=MASTER_KEY, **environ)


@pytest.fixture
def channels(servers: list[Server]) -> Iterator[list[grpc.Channel]]:
    with channels_of(servers) as opened:
        yield opened


@pytest.fixture
def admin(channels: list[grpc.Channel]) -> Metadata:
    return administrator(channels)


def guesses(channels: list[grpc.Channel], user_id: str, count: int) -> list[grpc.StatusCode]:
    """What guesses of a password are answered, at one machine after the other."""
    request = auth_pb2.SignInRequest(user_id=user_id, password="wrong horse battery staple")
    stubs = [auth_pb2_grpc.AuthServiceStub(channel) for channel in channels]
    return [code(lambda: stubs[i % 2].SignIn(request)) for i in range(count)]  # noqa: B023


def test_two_machines_count_as_one(
    servers: list[Server],
    channels: list[grpc.Channel],
    admin: Metadata,
    redis_alone: RedisServer | None,
    tmp_path: Path,
) -> None:
    assert len(children(servers[1].process_id)) > 1
    _rotate(channels, tmp_path)
    _guess(channels, admin)
    _prove(channels)
    if redis_alone is not None:
        # The database counts what Redis does not.
        redis_alone.kill()
        _guess(channels, admin)
        _prove(channels)


def _rotate(channels: list[grpc.Channel], folder: Path) -> None:
    """A key that is made at one machine, where one rotates, signs at both."""

    def keys(machine: str, *command: str) -> str:
        run = blrcs("keys", *command, "--data", folder / machine, cwd=folder)
        assert run.returncode == 0, run.stderr
        return run.stdout

    (first,) = json.loads(keys("first", "list", "--json"))
    assert [first] == json.loads(keys("second", "list", "--json"))
    keys("second", "rotate", "--in", "5s")
    kid = json.loads(keys("second", "list", "--json"))[1]["kid"]

    def signs(channel: grpc.Channel) -> bool:
        token = sign_in(channel, "admin")
        if jwt.get_unverified_header(token)["kid"] != kid:
            return False
        for other in channels:
            assert use(other, bearer(token)) is OK
        return True

    def is_active(machine: str) -> bool:
        listed = json.loads(keys(machine, "list", "--json"))
        return ("active", kid) in [(each["state"], each["kid"]) for each in listed]

    # A user has so many sessions, of which the first is needed still.
    for machine in ("first", "second"):
        until(lambda machine=machine: is_active(machine))  # type: ignore[misc]
    for channel in channels:
        until(lambda channel=channel: signs(channel))  # type: ignore[misc]


def _guess(channels: list[grpc.Channel], admin: Metadata) -> None:
    """Guesses at two machines are as many as at one."""
    _guess_until_refused(channels, "nobody", FAILURES)
    # Where there is a session from, the address has failures of its own: the same at both.
    _guess_until_refused(channels, "admin", FAILURES + FAMILIAR_FAILURES)

    unlock = credential_pb2.UnlockUserRequest(name="users/admin")
    stub = credential_pb2_grpc.CredentialServiceStub(channels[1])
    unlocked = code(lambda: stub.UnlockUser(unlock, metadata=admin))
    # What Redis has counted stays there while it is away, and whoever unlocks is told so.
    assert unlocked in {OK, UNAVAILABLE}
    assert guesses(channels, "admin", 2) == [REFUSED] * 2
    for channel in channels:
        assert sign_in(channel, "admin")


def _guess_until_refused(channels: list[grpc.Channel], user_id: str, failures: int) -> None:
    began_ns = time.monotonic_ns()
    answers = guesses(channels, user_id, failures + 4)
    assert answers[:failures] == [REFUSED] * failures
    # The waits double: on a busy machine one may be over, of the user's and of the address' each.
    waits = int(math.log2((time.monotonic_ns() - began_ns) / FIRST_WAIT_NS + 1))
    assert answers.count(REFUSED) <= failures + 2 * waits
    assert set(answers) == {REFUSED, EXHAUSTED}


def _prove(channels: list[grpc.Channel]) -> None:
    """A proof is good for one call of all machines."""
    key = Ed25519PrivateKey.generate()
    stubs = [auth_pb2_grpc.AuthServiceStub(channel) for channel in channels]
    request = auth_pb2.SignInRequest(user_id="admin", password=PASSWORD)
    shown = proof(key, SIGN_IN)
    tokens = stubs[0].SignIn(request, metadata=[shown]).tokens
    assert code(lambda: stubs[1].SignIn(request, metadata=[shown])) is REFUSED
    own = ("authorization", f"DPoP {tokens.access_token}")
    for first, second in (channels, channels[::-1]):
        shown = proof(key, GET_USER, tokens.access_token)
        assert use(first, [own, shown]) is OK
        assert use(second, [own, shown]) is REFUSED
        assert use(second, [own, proof(key, GET_USER, tokens.access_token)]) is OK
