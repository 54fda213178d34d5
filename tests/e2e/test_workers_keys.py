"""Signing keys change while two workers serve, and sessions are refreshed by many at once."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import jwt

from blrcs.v1 import auth_pb2, auth_pb2_grpc, user_pb2, user_pb2_grpc
from tests.e2e.conftest import Start
from tests.e2e.server import Server, blrcs
from tests.e2e.workers import (
    PASSWORD,
    Metadata,
    administrator,
    bearer,
    channels_to_all,
    code,
    sign_in,
    start_two_workers,
    until,
)

ME = user_pb2.GetUserRequest(name="users/admin")


def listed(server: Server) -> list[dict[str, str]]:
    shown = blrcs("keys", "list", "--json", cwd=server.directory)
    assert shown.returncode == 0, shown.stderr
    keys: list[dict[str, str]] = json.loads(shown.stdout)
    return keys


def in_state(server: Server, state: str) -> str:
    (kid,) = [key["kid"] for key in listed(server) if key["state"] == state]
    return kid


def run(server: Server, *arguments: str) -> None:
    done = blrcs("keys", *arguments, cwd=server.directory)
    assert done.returncode == 0, done.stderr


def published(channel: grpc.Channel) -> list[str]:
    reply = auth_pb2_grpc.AuthServiceStub(channel).GetJwks(auth_pb2.GetJwksRequest())
    return [key.kid for key in reply.keys]


def kid_of(token: Metadata) -> str:
    kid: str = jwt.get_unverified_header(token[0][1].removeprefix("Bearer "))["kid"]
    return kid


def use(channel: grpc.Channel, token: Metadata) -> grpc.StatusCode:
    return code(lambda: user_pb2_grpc.UserServiceStub(channel).GetUser(ME, metadata=token))


class Callers:
    """Refresh at one worker and call all, by turns and without a pause, until told to end."""

    def __init__(self, channels: list[grpc.Channel]) -> None:
        self.kids: set[str] = set()
        self._channels = channels
        self._end = threading.Event()

    def call(self, number: int) -> int:
        calls = 0
        stubs = [auth_pb2_grpc.AuthServiceStub(channel) for channel in self._channels]
        request = auth_pb2.SignInRequest(user_id="admin", password=PASSWORD)
        tokens = stubs[number].SignIn(request).tokens
        kept = bearer(tokens.access_token)
        while not self._end.is_set():
            spent = auth_pb2.RefreshRequest(refresh_token=tokens.refresh_token)
            tokens = stubs[(number + calls) % 2].Refresh(spent).tokens
            token = bearer(tokens.access_token)
            self.kids.add(kid_of(token))
            for channel in self._channels:
                for metadata in (token, kept):
                    user_pb2_grpc.UserServiceStub(channel).GetUser(ME, metadata=metadata)
            calls += 1
        return calls

    def during(self, work: Callable[[], None]) -> None:
        with ThreadPoolExecutor(2) as pool:
            running = [pool.submit(self.call, number) for number in range(2)]
            try:
                work()
            finally:
                self._end.set()
            assert all(each.result() for each in running)


def test_no_call_is_refused_while_keys_are_rotated(
    workers: Server, channels: list[grpc.Channel], admin: Metadata
) -> None:
    callers = Callers(channels)

    def rotate_twice() -> None:
        for _ in range(2):
            run(workers, "rotate", "--in", "2s")
            newest = listed(workers)[-1]["kid"]
            for channel in channels:
                until(lambda channel=channel, kid=newest: kid in published(channel))  # type: ignore[misc]
            until(lambda kid=newest: kid in callers.kids)  # type: ignore[misc]

    first = kid_of(admin)
    callers.during(rotate_twice)

    assert len(callers.kids) >= 3
    for channel in channels:
        # What the first key signed is good for as long as it would have been.
        user_pb2_grpc.UserServiceStub(channel).GetUser(ME, metadata=admin)
        assert first in published(channel)
    assert workers.stop() == 0
    assert "Traceback" not in workers.stderr


def test_a_retired_key_is_refused_by_all_workers_when_the_command_ends(
    workers: Server, channels: list[grpc.Channel], admin: Metadata
) -> None:
    run(workers, "rotate", "--in", "1s")
    second = listed(workers)[-1]["kid"]
    until(lambda: kid_of(bearer(sign_in(channels[0], "admin"))) == second)
    token = bearer(sign_in(channels[0], "admin"))
    for channel in channels:
        assert use(channel, admin) is use(channel, token) is grpc.StatusCode.OK

    run(workers, "retire", "--", kid_of(admin))

    for channel in channels:
        assert use(channel, admin) is grpc.StatusCode.UNAUTHENTICATED
        assert use(channel, token) is grpc.StatusCode.OK

    refused = blrcs("keys", "retire", "--", second, cwd=workers.directory)
    assert refused.returncode == 1
    assert "signs" in refused.stderr
    assert use(channels[0], token) is grpc.StatusCode.OK

    run(workers, "retire", "--force", "--", second)

    for here, there in (channels, reversed(channels)):
        assert use(here, token) is grpc.StatusCode.UNAUTHENTICATED
        fresh = bearer(sign_in(here, "admin"))
        assert kid_of(fresh) == in_state(workers, "active")
        assert use(there, fresh) is use(here, fresh) is grpc.StatusCode.OK
        assert published(here) == [kid_of(fresh)]


def test_what_was_retired_beside_the_server_is_refused_after_its_start(
    start: Start, tmp_path: Path
) -> None:
    server = start_two_workers(start, tmp_path)
    with channels_to_all(server, 2) as channels:
        admin = administrator(list(channels.values()))
    assert server.stop() == 0
    run(server, "retire", "--force", "--", kid_of(admin))

    again = start_two_workers(start, tmp_path)

    with channels_to_all(again, 2) as channels:
        for channel in channels.values():
            get = user_pb2_grpc.UserServiceStub(channel).GetUser
            refused = code(lambda get=get: get(ME, metadata=admin))  # type: ignore[misc]
            assert refused is grpc.StatusCode.UNAUTHENTICATED
            fresh = bearer(sign_in(channel, "admin"))
            assert get(ME, metadata=fresh).name == "users/admin"


def test_a_token_that_one_worker_revokes_no_worker_takes(
    channels: list[grpc.Channel], admin: Metadata
) -> None:
    for here in range(2):
        auth = auth_pb2_grpc.AuthServiceStub(channels[here])
        tokens = [bearer(sign_in(channel, "admin")) for channel in channels]
        for token in tokens:
            for channel in channels:
                assert use(channel, token) is grpc.StatusCode.OK
        stolen = tokens[0][0][1].removeprefix("Bearer ")
        claims = jwt.decode(stolen, options={"verify_signature": False})
        auth.RevokeTokens(auth_pb2.RevokeTokensRequest(token_id=claims["jti"]), metadata=admin)
        for channel in channels:
            assert use(channel, tokens[0]) is grpc.StatusCode.UNAUTHENTICATED
            assert use(channel, tokens[1]) is grpc.StatusCode.OK


def test_a_token_refreshed_by_twenty_at_once_is_spent_once_and_ends_its_family(
    channels: list[grpc.Channel], admin: Metadata
) -> None:
    del admin
    stubs = [auth_pb2_grpc.AuthServiceStub(channel) for channel in channels]
    request = auth_pb2.SignInRequest(user_id="admin", password=PASSWORD)
    tokens = stubs[0].SignIn(request).tokens
    ready = threading.Barrier(20)

    def refresh(number: int) -> auth_pb2.Tokens | None:
        ready.wait()
        spent = auth_pb2.RefreshRequest(refresh_token=tokens.refresh_token)
        try:
            reply: auth_pb2.RefreshResponse = stubs[number % 2].Refresh(spent)
        except grpc.RpcError as error:
            refused.append(error.code())
            return None
        return reply.tokens

    refused: list[grpc.StatusCode] = []
    with ThreadPoolExecutor(20) as pool:
        won = [each for each in pool.map(refresh, range(20)) if each is not None]

    assert len(won) == 1
    assert refused == [grpc.StatusCode.UNAUTHENTICATED] * 19
    for stub, channel in zip(stubs, channels, strict=True):
        spent = auth_pb2.RefreshRequest(refresh_token=won[0].refresh_token)
        assert code(lambda: stub.Refresh(spent)) is grpc.StatusCode.UNAUTHENTICATED  # noqa: B023
        for token in (tokens.access_token, won[0].access_token):
            get = user_pb2_grpc.UserServiceStub(channel).GetUser
            answer = code(lambda: get(ME, metadata=bearer(token)))  # noqa: B023
            assert answer is grpc.StatusCode.UNAUTHENTICATED
