"""A server with two tenants on a network, one of whose people attacks the other."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

from blrcs.v1 import (
    access_pb2,
    access_pb2_grpc,
    record_pb2,
    record_pb2_grpc,
    user_pb2,
    user_pb2_grpc,
)
from tests.e2e.server import Server
from tests.e2e.workers import (
    FIRST_PASSWORD,
    TIMEOUT_S,
    Metadata,
    administrator,
    bearer,
    choose_password,
    sign_in,
)

VICTIM = "alice"
ATTACKER = "mallory"
COLLECTION = "notes"
RECORD = "n1"
TEXT = "what only alice may know"
UNLIMITED = {"limits": []}
SERVICES = ("Auth", "User", "Access", "Limit", "Cache", "Record", "Audit", "Encryption")


def reason_in(trailers: Mapping[str, Any]) -> str:
    """The reason that an error's trailers tell."""
    info = error_details_pb2.ErrorInfo()
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    assert any(each.Unpack(info) for each in status.details)
    return str(info.reason)


class World:
    """One server, in production, and who calls it.

    ``alice`` and ``mallory`` are users, each with the records of a tenant of its own
    (``tenants/alice``, ``tenants/mallory``): a collection ``notes`` with the record ``n1``.
    ``admin`` may do everything. The three metadata carry their tokens.
    """

    def __init__(self, server: Server, channel: grpc.Channel, data: Path, transport: str) -> None:
        self.server = server
        self.transport = transport
        self.channel = channel
        self.data = data
        self.admin = administrator([channel, channel])
        for user in (VICTIM, ATTACKER):
            self._add_user(user)
            self._add_records(user)
        self.alice = bearer(sign_in(channel, VICTIM))
        self.mallory = bearer(sign_in(channel, ATTACKER))

    def call(
        self, method: str, request: bytes, metadata: Metadata = ()
    ) -> tuple[grpc.StatusCode, str, Mapping[str, str | bytes], bytes]:
        """How a unary call of ``/package.Service/Method`` with these octets ends.

        Gives the code, the message, the trailers and the reply's octets.
        """
        unary = self.channel.unary_unary(method)
        try:
            reply, call = unary.with_call(request, metadata=metadata, timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            return error.code(), error.details(), dict(error.trailing_metadata() or ()), b""
        return call.code(), call.details(), dict(call.trailing_metadata() or ()), reply

    def state(self) -> list[bytes]:
        """All that an administrator can read: users, access, collections and records."""
        users = user_pb2_grpc.UserServiceStub(self.channel)
        access = access_pb2_grpc.AccessServiceStub(self.channel)
        records = record_pb2_grpc.RecordServiceStub(self.channel)
        replies = [
            users.ListUsers(user_pb2.ListUsersRequest(), metadata=self.admin),
            users.ListServiceAccounts(user_pb2.ListServiceAccountsRequest(), metadata=self.admin),
            access.ListBindings(access_pb2.ListBindingsRequest(), metadata=self.admin),
        ]
        for home in ("", f"tenants/{VICTIM}", f"tenants/{ATTACKER}"):
            replies += [
                access.ListRoles(access_pb2.ListRolesRequest(parent=home), metadata=self.admin),
                access.ListGroups(access_pb2.ListGroupsRequest(parent=home), metadata=self.admin),
            ]
        for user in (VICTIM, ATTACKER):
            replies += [
                records.ListCollections(
                    record_pb2.ListCollectionsRequest(parent=f"tenants/{user}"), metadata=self.admin
                ),
                records.ListRecords(
                    record_pb2.ListRecordsRequest(parent=collection(user)), metadata=self.admin
                ),
            ]
        return [each.SerializeToString(deterministic=True) for each in replies]

    def _add_user(self, user: str) -> None:
        user_pb2_grpc.UserServiceStub(self.channel).CreateUser(
            user_pb2.CreateUserRequest(user_id=user, user={}, password=FIRST_PASSWORD),
            metadata=self.admin,
        )
        choose_password(self.channel, user)
        access_pb2_grpc.AccessServiceStub(self.channel).CreateBinding(
            access_pb2.CreateBindingRequest(
                binding_id=user,
                binding={
                    "role": "roles/records.editor",
                    "members": [f"users/{user}"],
                    "resource": f"tenants/{user}",
                },
            ),
            metadata=self.admin,
        )

    def _add_records(self, user: str) -> None:
        records = record_pb2_grpc.RecordServiceStub(self.channel)
        records.CreateCollection(
            record_pb2.CreateCollectionRequest(
                parent=f"tenants/{user}", collection_id=COLLECTION, collection={}
            ),
            metadata=self.admin,
        )
        request = record_pb2.CreateRecordRequest(parent=collection(user), record_id=RECORD)
        request.record.data.update({"text": TEXT})
        records.CreateRecord(request, metadata=self.admin)


def collection(user: str) -> str:
    """The name of a user's collection."""
    return f"tenants/{user}/collections/{COLLECTION}"


@contextmanager
def world(
    directory: Path,
    transport: str,
    *arguments: str,
    program: Sequence[str] = ("-m", "blrcs"),
    **environ: str,
) -> Iterator[World]:
    """Starts one; ``environ`` is added to what it is configured by."""
    server = Server(
        directory,
        ("--environment", "production", *arguments),
        {
            "BLRCS_SERVER__TRANSPORT": transport,
            "BLRCS_AUTH__INITIAL_ADMIN_PASSWORD": FIRST_PASSWORD,
            "BLRCS_AUTH__ACCESS_TOKEN_TTL": "1h",
            "BLRCS_AUDIT__TO": "both",
            # Every test calls from one address.
            "BLRCS_AUTH__FAILED_TOKENS_PER_ADDRESS": "0",
            "BLRCS_POLICIES": json.dumps(
                {f"/blrcs.v1.{name}Service/*": UNLIMITED for name in SERVICES}
            ),
            **environ,
        },
        program=program,
    )
    try:
        with grpc.insecure_channel(server.address) as channel:
            yield World(server, channel, directory / "data", transport)
    finally:
        server.kill()
