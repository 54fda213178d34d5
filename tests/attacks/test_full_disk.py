"""The disk is full, or fails, while somebody signs in, signs out, or gives and takes rights."""

import errno
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from blrcs.v1 import (
    access_pb2,
    access_pb2_grpc,
    auth_pb2,
    auth_pb2_grpc,
    record_pb2,
    record_pb2_grpc,
    user_pb2,
    user_pb2_grpc,
)
from tests.attacks.world import ATTACKER, VICTIM, World, collection, world
from tests.e2e.workers import PASSWORD, TIMEOUT_S, Metadata, bearer, code, until
from tests.torture.torture import FOR_EVER, Faults, build_faults
from tests.transports import TRANSPORTS

DISKS = {
    "database": ("blrcs.db", errno.ENOSPC),
    "audit": ("audit", errno.ENOSPC),
    "all": ("", errno.EIO),
}
"""What lies on the disk that fails, below the data directory, and how it fails."""
ACCOUNT = "robot"
OK = grpc.StatusCode.OK
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
DATA_LOSS = grpc.StatusCode.DATA_LOSS
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
NOT_DONE = {UNAVAILABLE, UNAUTHENTICATED}
INNER = ("sqlite", "disk", "errno", "space", "blrcs.db", "traceback", ".jsonl")
"""What no caller is told."""


@dataclass
class Deed:
    """A call that changes something, and whether it has."""

    method: str
    request: Any
    metadata: Metadata
    is_done: Callable[[], bool]


class Disk:
    """A server whose disk a test fills."""

    def __init__(self, attacked: World, faults: Faults) -> None:
        self.world = attacked
        self.faults = faults
        self.auth = auth_pb2_grpc.AuthServiceStub(attacked.channel)
        self.access = access_pb2_grpc.AccessServiceStub(attacked.channel)
        self.users = user_pb2_grpc.UserServiceStub(attacked.channel)
        self.own = {"metadata": attacked.admin, "timeout": TIMEOUT_S}
        self.users.CreateServiceAccount(
            user_pb2.CreateServiceAccountRequest(service_account_id=ACCOUNT, service_account={}),
            **self.own,
        )

    def call(self, deed: Deed) -> tuple[grpc.StatusCode, str]:
        """How it ends, and the id under which that is to be recorded."""
        request_id = uuid.uuid4().hex
        ended, details, trailers, reply = self.world.call(
            deed.method,
            deed.request.SerializeToString(),
            [*deed.metadata, ("x-request-id", request_id)],
        )
        if ended is not OK:
            assert not reply
            told = f"{details} {trailers}".lower()
            assert not any(each in told for each in (*INNER, str(self.world.data))), told
        return ended, request_id

    def until_it_writes(self) -> None:
        request = auth_pb2.SignInRequest(user_id=ATTACKER, password=PASSWORD)
        until(lambda: code(lambda: self.auth.SignIn(request, timeout=TIMEOUT_S)) is OK)

    def recorded(self) -> dict[str, str]:
        """The code of each call that was kept, by its id."""
        lines = [
            json.loads(line)
            for path in (self.world.data / "audit").rglob("*.jsonl")
            for line in path.read_text().splitlines()
        ]
        kept = [each for each in lines if each["kind"] == "call" and "request_id" in each]
        return {each["request_id"]: each["code"] for each in kept}

    def deeds(self) -> Mapping[str, Callable[[], Deed]]:
        """By what is done."""
        return {
            "sign in": self._sign_in,
            "refresh": self._refresh,
            "sign out": self._sign_out,
            "revoke a session": self._revoke_session,
            "revoke tokens": self._revoke_tokens,
            "create a key": self._create_key,
            "create a role": self._create_role,
            "give a role": self._give_role,
        }

    def _tokens(self, user: str = VICTIM) -> auth_pb2.SignInResponse:
        request = auth_pb2.SignInRequest(user_id=user, password=PASSWORD)
        reply: auth_pb2.SignInResponse = self.auth.SignIn(request, timeout=TIMEOUT_S)
        return reply

    def _is_refused(self, token: str) -> bool:
        request = user_pb2.GetUserRequest(name=f"users/{VICTIM}")
        ended = code(lambda: self.users.GetUser(request, metadata=bearer(token), timeout=TIMEOUT_S))
        assert ended in {OK, UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}
        return ended is UNAUTHENTICATED

    def _sign_in(self) -> Deed:
        def sessions() -> int:
            request = auth_pb2.ListSessionsRequest(parent=f"users/{VICTIM}", page_size=1000)
            return len(self.auth.ListSessions(request, **self.own).sessions)

        before = sessions()
        request = auth_pb2.SignInRequest(user_id=VICTIM, password=PASSWORD)
        return Deed(
            "/blrcs.v1.AuthService/SignIn", request, [], is_done=lambda: sessions() > before
        )

    def _refresh(self) -> Deed:
        request = auth_pb2.RefreshRequest(refresh_token=self._tokens().tokens.refresh_token)
        return Deed(
            "/blrcs.v1.AuthService/Refresh",
            request,
            [],
            is_done=lambda: code(lambda: self.auth.Refresh(request, timeout=TIMEOUT_S)) is not OK,
        )

    def _sign_out(self) -> Deed:
        token = self._tokens().tokens.access_token
        return Deed(
            "/blrcs.v1.AuthService/SignOut",
            auth_pb2.SignOutRequest(),
            bearer(token),
            is_done=lambda: self._is_refused(token),
        )

    def _revoke_session(self) -> Deed:
        opened = self._tokens()
        return Deed(
            "/blrcs.v1.AuthService/RevokeSession",
            auth_pb2.RevokeSessionRequest(name=opened.session),
            self.world.admin,
            is_done=lambda: self._is_refused(opened.tokens.access_token),
        )

    def _revoke_tokens(self) -> Deed:
        token = self._tokens(ATTACKER).tokens.access_token
        return Deed(
            "/blrcs.v1.AuthService/RevokeTokens",
            auth_pb2.RevokeTokensRequest(subject=f"users/{ATTACKER}"),
            self.world.admin,
            is_done=lambda: self._is_refused(token),
        )

    def _create_key(self) -> Deed:
        def keys() -> int:
            request = user_pb2.ListApiKeysRequest(parent=f"serviceAccounts/{ACCOUNT}")
            return len(self.users.ListApiKeys(request, **self.own).api_keys)

        before = keys()
        request = user_pb2.CreateApiKeyRequest(parent=f"serviceAccounts/{ACCOUNT}", api_key={})
        return Deed(
            "/blrcs.v1.UserService/CreateApiKey",
            request,
            self.world.admin,
            is_done=lambda: keys() > before,
        )

    def _create_role(self) -> Deed:
        role_id = f"r{uuid.uuid4().hex}"
        request = access_pb2.CreateRoleRequest(
            role_id=role_id, role={"permissions": ["orders.read"]}
        )
        found = access_pb2.GetRoleRequest(name=f"roles/{role_id}")
        return Deed(
            "/blrcs.v1.AccessService/CreateRole",
            request,
            self.world.admin,
            is_done=lambda: code(lambda: self.access.GetRole(found, **self.own)) is OK,
        )

    def _give_role(self) -> Deed:
        """Which is not stored, and so is not in force."""
        binding_id = f"b{uuid.uuid4().hex}"
        binding = access_pb2.GetBindingRequest(name=f"bindings/{binding_id}")
        records = record_pb2_grpc.RecordServiceStub(self.world.channel)
        asked = record_pb2.CountRecordsRequest(parent=collection(VICTIM))
        thief = bearer(self._tokens(ATTACKER).tokens.access_token)

        def is_done() -> bool:
            is_stored = code(lambda: self.access.GetBinding(binding, **self.own)) is OK
            counted = code(lambda: records.CountRecords(asked, metadata=thief, timeout=TIMEOUT_S))
            assert (counted is OK) == is_stored
            if is_stored:
                request = access_pb2.DeleteBindingRequest(name=binding.name)
                self.access.DeleteBinding(request, **self.own)
            return is_stored

        request = access_pb2.CreateBindingRequest(
            binding_id=binding_id,
            binding={
                "role": "roles/records.viewer",
                "members": [f"users/{ATTACKER}"],
                "resource": f"tenants/{VICTIM}",
            },
        )
        return Deed("/blrcs.v1.AccessService/CreateBinding", request, self.world.admin, is_done)


@pytest.fixture(scope="module", params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=DISKS.values(), ids=DISKS.keys())
def disk(
    request: pytest.FixtureRequest, transport: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Disk]:
    build_faults()
    directory: Path = tmp_path_factory.mktemp("full")
    name, error = request.param
    faults = Faults(directory, directory / "data" / name, 1, error, FOR_EVER)
    with world(directory, transport, **faults.environ) as started:
        yield Disk(started, faults)


def test_no_success_is_told_and_none_goes_unrecorded(disk: Disk) -> None:
    process = disk.world.server.process_id
    expected: dict[str, str] = {}
    for what, make in disk.deeds().items():
        deed = make()
        disk.faults.arm()
        first, request_id = disk.call(deed)
        # Once it is known that it cannot be recorded, nothing is begun.
        second, _ = disk.call(deed)
        disk.faults.disarm()
        disk.until_it_writes()
        assert first in {UNAVAILABLE, DATA_LOSS}, what
        # A session that has ended signs out no more.
        assert second in ({UNAVAILABLE} if first is UNAVAILABLE else NOT_DONE), what
        is_done = deed.is_done()
        if first is UNAVAILABLE:
            assert not is_done, what
        else:
            # It may be in effect, and is written down as soon as that can be.
            expected[request_id] = "OK" if is_done else "UNAVAILABLE"
        third, request_id = disk.call(make())
        assert third is OK, what
        expected[request_id] = "OK"
    kept = disk.recorded()
    assert {each: kept.get(each) for each in expected} == expected
    assert disk.world.server.process_id == process
