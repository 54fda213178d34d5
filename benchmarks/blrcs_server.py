"""``blrcs serve`` under measurement, and its administrator signed in."""

import os
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import grpc
from server_process import ServerProcess, running
from transport_peers import PYTHONPATH

from blrcs.v1 import auth_pb2, user_pb2
from blrcs.v1.auth_pb2_grpc import AuthServiceStub
from blrcs.v1.user_pb2_grpc import UserServiceStub

PORT = r"Serving gRPC on \S+:(\d+) \("
Metadata = tuple[tuple[str, str], ...]


@contextmanager
def serving(
    folder: Path,
    core: int | None,
    options: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
) -> Iterator[tuple[ServerProcess, grpc.Channel, Metadata]]:
    """A server with its data in a new ``folder``, a channel to it, and an administrator's token."""
    folder.mkdir()
    password = secrets.token_urlsafe()
    own = {name: "" for name in os.environ if name.startswith("BLRCS_")}
    settings = {
        "BLRCS_AUTH__INITIAL_ADMIN_PASSWORD": password,
        "BLRCS_AUTH__ACCESS_TOKEN_TTL": "1d",
        "BLRCS_METRICS__PORT": "0",
        "COLUMNS": "200",
        "NO_COLOR": "1",
        "PYTHONPATH": PYTHONPATH,
    }
    command = [sys.executable, "-m", "blrcs", "serve", "--port", "0", *options]
    with (
        running(
            command,
            core=core,
            environ={**own, **settings, **(environ or {})},
            cwd=folder,
            port=PORT,
            errors=folder / "errors.log",
        ) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        yield server, channel, sign_in(channel, password)


def sign_in(channel: grpc.Channel, password: str) -> Metadata:
    """The metadata with the administrator's token."""
    auth = AuthServiceStub(channel)
    signed_in = auth.SignIn(auth_pb2.SignInRequest(user_id="admin", password=password))
    tokens = signed_in.tokens
    if signed_in.password_change_required:
        UserServiceStub(channel).ChangePassword(
            user_pb2.ChangePasswordRequest(
                name="users/admin", old_password=password, new_password=secrets.token_urlsafe()
            ),
            metadata=bearer(tokens),
        )
        tokens = auth.Refresh(auth_pb2.RefreshRequest(refresh_token=tokens.refresh_token)).tokens
    return bearer(tokens)


def bearer(tokens: auth_pb2.Tokens) -> Metadata:
    return (("authorization", f"Bearer {tokens.access_token}"),)
