"""The database is stopped, paused, or only read while passwords are guessed and tokens used."""

import asyncio
import itertools
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import grpc
import pytest

from blrcs.v1 import (
    auth_pb2,
    auth_pb2_grpc,
    credential_pb2,
    credential_pb2_grpc,
    user_pb2,
    user_pb2_grpc,
)
from tests.attacks.world import ATTACKER, VICTIM, World, world
from tests.e2e.workers import PASSWORD, TIMEOUT_S, Metadata, bearer, code, until
from tests.servers.postgresql import PostgresqlServer
from tests.transports import TRANSPORTS

GUESSES = 10
"""So many may fail for an account before the first wait."""
LOSSES = ["stopped", "paused", "read_only"]
NEW = "newcomer"
NUMBERS = itertools.count(1)
PATIENCE_S = 1
OK = grpc.StatusCode.OK
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
NOT_DONE = {UNAVAILABLE, EXHAUSTED, grpc.StatusCode.DEADLINE_EXCEEDED}
"""What a caller may be told of a call that has done nothing."""


class Away:
    """A server whose database can be taken away from it."""

    def __init__(self, attacked: World, server: PostgresqlServer, database: str) -> None:
        self.world = attacked
        self._server = server
        self._database = database
        self._auth = auth_pb2_grpc.AuthServiceStub(attacked.channel)
        self._users = user_pb2_grpc.UserServiceStub(attacked.channel)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        self._server.stop()
        try:
            yield
        finally:
            self._server.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        self._server.pause()
        try:
            yield
        finally:
            self._server.resume()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """As a standby is that it is led to."""
        self._server.set_read_only(self._database, read_only=True)
        try:
            yield
        finally:
            self._server.set_read_only(self._database, read_only=False)

    def sign_in(self, password: str, user: str = VICTIM) -> grpc.StatusCode:
        request = auth_pb2.SignInRequest(user_id=user, password=password)
        return code(lambda: self._auth.SignIn(request, timeout=PATIENCE_S))

    def guesses(self) -> int:
        """How many wrong passwords are looked at until one is not."""
        count = 0
        while (answer := self.sign_in("wrong password")) is UNAUTHENTICATED:
            count += 1
        assert answer is EXHAUSTED
        return count

    def counted(self) -> dict[bytes, tuple[int, ...]]:
        """The instants until which failures are paid for, by whose they are."""

        async def run() -> dict[bytes, tuple[int, ...]]:
            connection = await asyncpg.connect(self._server.url(self._database))
            try:
                rows = await connection.fetch("SELECT id, until_ns FROM sign_in_failures")
            finally:
                await connection.close()
            return {row["id"]: _instants(row["until_ns"]) for row in rows}

        return asyncio.run(run())

    def tokens(self) -> auth_pb2.Tokens:
        request = auth_pb2.SignInRequest(user_id=VICTIM, password=PASSWORD)
        reply: auth_pb2.SignInResponse = self._auth.SignIn(request, timeout=TIMEOUT_S)
        return reply.tokens

    def refresh(self, token: str, timeout_s: float = TIMEOUT_S) -> grpc.StatusCode:
        request = auth_pb2.RefreshRequest(refresh_token=token)
        return code(lambda: self._auth.Refresh(request, timeout=timeout_s))

    def sign_out(self, metadata: Metadata) -> grpc.StatusCode:
        request = auth_pb2.SignOutRequest()
        return code(lambda: self._auth.SignOut(request, metadata=metadata, timeout=PATIENCE_S))

    def use(self, metadata: Metadata) -> grpc.StatusCode:
        """Whether a token is taken: what is asked for then needs the database."""
        request = user_pb2.GetUserRequest(name=f"users/{VICTIM}")
        return code(lambda: self._users.GetUser(request, metadata=metadata, timeout=PATIENCE_S))

    def create_user(self) -> grpc.StatusCode:
        request = user_pb2.CreateUserRequest(user_id=NEW, user={}, password=PASSWORD)
        metadata = self.world.admin
        return code(lambda: self._users.CreateUser(request, metadata=metadata, timeout=PATIENCE_S))

    def has_newcomer(self) -> bool:
        users = self._users.ListUsers(user_pb2.ListUsersRequest(), metadata=self.world.admin)
        return f"users/{NEW}" in {each.name for each in users.users}

    def unlock(self) -> None:
        """Forgets all failures of the victim."""
        credential_pb2_grpc.CredentialServiceStub(self.world.channel).UnlockUser(
            credential_pb2.UnlockUserRequest(name=f"users/{VICTIM}"), metadata=self.world.admin
        )

    def until_it_is_back(self) -> None:
        """It is read again, and failures are counted."""
        until(lambda: self.use(self.world.admin) is OK)
        until(lambda: self.sign_in("wrong password", f"nobody{next(NUMBERS)}") is UNAUTHENTICATED)


def _instants(packed: bytes) -> tuple[int, ...]:
    assert packed
    return struct.unpack(f"<{len(packed) // 8}q", packed)


@contextmanager
def taken_away(directory: Path, transport: str, server: PostgresqlServer) -> Iterator[Away]:
    """One with a database of its own."""
    name = f"{directory.name}_{transport}"
    server.create_database(name)
    with world(
        directory,
        transport,
        BLRCS_DATABASE__URL=server.url(name),
        BLRCS_OVERLOAD__BREAKER_OPEN="200ms",
    ) as started:
        yield Away(started, server, name)


@pytest.fixture(scope="module", params=TRANSPORTS)
def away(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgresql_server: PostgresqlServer,
) -> Iterator[Away]:
    with taken_away(tmp_path_factory.mktemp("away"), request.param, postgresql_server) as found:
        yield found


@pytest.mark.parametrize("loss", LOSSES)
def test_no_guess_is_free_and_a_right_one_is_not_told(away: Away, loss: str) -> None:
    away.unlock()
    assert away.guesses() >= GUESSES
    before = away.counted()
    assert before
    with getattr(away, loss)():
        answers = {
            away.sign_in(password, user)
            for user in (VICTIM, ATTACKER)
            for password in ("wrong password", PASSWORD)
        }
        assert answers <= NOT_DONE
    away.until_it_is_back()
    # What was guessed before is counted still: only time pays for it.
    after = away.counted()
    now_ns = time.time_ns()
    unpaid = {of_id: each for of_id, each in before.items() if max(each) > now_ns}
    assert unpaid
    for of_id, instants in unpaid.items():
        assert all(now >= then for then, now in zip(instants, after[of_id], strict=True))
    away.unlock()
    assert away.sign_in(PASSWORD) is OK


@pytest.mark.parametrize("loss", LOSSES)
def test_what_was_revoked_stays_so_and_nothing_else_is_acknowledged(away: Away, loss: str) -> None:
    away.unlock()
    kept, ended = away.tokens(), away.tokens()
    live, revoked = bearer(kept.access_token), bearer(ended.access_token)
    assert away.sign_out(revoked) is OK
    with getattr(away, loss)():
        assert away.use(revoked) is UNAUTHENTICATED
        assert away.refresh(ended.refresh_token, PATIENCE_S) in NOT_DONE | {UNAUTHENTICATED}
        answer = away.use(live)
        assert answer is OK if loss == "read_only" else answer in NOT_DONE
        assert away.refresh(kept.refresh_token, PATIENCE_S) in NOT_DONE
        assert away.sign_out(live) in NOT_DONE
        assert away.create_user() in NOT_DONE
    away.until_it_is_back()
    assert away.use(revoked) is UNAUTHENTICATED
    assert away.refresh(ended.refresh_token) is UNAUTHENTICATED
    if loss != "paused":
        # Whatever waits there may be done when it goes on.
        assert not away.has_newcomer()
        assert away.use(live) is OK
        assert away.refresh(kept.refresh_token) is OK
    # Spent it is, by whomever.
    away.refresh(kept.refresh_token)
    assert away.refresh(kept.refresh_token) is UNAUTHENTICATED
