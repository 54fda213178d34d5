"""The server whose records are imported and exported, and who asks for that."""

import getpass
import ipaddress
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from blrcs.cli.exit import fail, read_or_exit
from blrcs.cli.tls_channel import TlsFiles
from blrcs.config.duration import Duration
from blrcs.config.variable_names import TOKEN_VARIABLE
from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.record_name import CollectionKey, collection_key_in
from blrcs.monitoring.log_values import escape
from blrcs.transport.listening import UNIX_SCHEMES

if TYPE_CHECKING:
    import grpc

    from blrcs.transfer.record_client import RecordClient
    from blrcs.transfer.tokens import Tokens

MAX_TOKEN_BYTES = 64 << 10
SIGN_IN_TIMEOUT_S = 30.0
NS_PER_S = 1_000_000_000
STANDARD = "-"

CollectionName = Annotated[
    str, typer.Argument(metavar="COLLECTION", help="tenants/TENANT/collections/COLLECTION.")
]
Address = Annotated[str, typer.Option("--server", help="host:port of the server.")]
TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", help=f"Holds an access token; by default {TOKEN_VARIABLE} does."),
]
UserId = Annotated[
    str | None, typer.Option("--user", help="Sign in as this user; the password is asked for.")
]
Tls = Annotated[
    bool, typer.Option("--tls", help="Speak TLS, and trust the authorities that grpc knows.")
]
Plaintext = Annotated[
    bool,
    typer.Option("--plaintext", help="Send the token unencrypted to another machine."),
]
RetryFor = Annotated[
    str, typer.Option("--retry-for", help="How long to wait for a server that is not there.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
FormatName = Annotated[
    Literal["jsonl", "csv"] | None,
    typer.Option("--format", help="By default csv for a file called .csv, else jsonl."),
]


@dataclass(frozen=True, slots=True)
class Access:
    """Where the server is, and who asks."""

    address: str
    token_file: Path | None
    user_id: str | None
    files: TlsFiles
    tls: bool
    plaintext: bool
    retry_for: str

    @contextmanager
    def client(self, stopping: threading.Event) -> "Iterator[RecordClient]":
        """Calls the server for one who is signed in; ends the command where that fails."""
        from blrcs.transfer.record_client import RecordClient  # noqa: PLC0415 - see the package

        try:
            patience_s = Duration.parse(self.retry_for).ns / NS_PER_S
        except ValueError as error:
            raise typer.BadParameter(f"--retry-for {error}") from None
        with self._channel() as channel:
            yield RecordClient(
                channel, self._tokens(channel), patience_s=patience_s, stopping=stopping
            )

    def _channel(self) -> "grpc.Channel":
        import grpc  # noqa: PLC0415 - see the package

        from blrcs.transfer.record_client import OPTIONS  # noqa: PLC0415

        if not self.address:
            raise typer.BadParameter("--server is empty")
        if not self.tls and not self.files.are_given:
            if not self.plaintext and not _is_own(self.address):
                fail(
                    "a token would go to another machine unencrypted: --ca or --tls encrypts it,"
                    " --plaintext sends it all the same"
                )
            return grpc.insecure_channel(self.address, OPTIONS)
        return self.files.channel(self.address, OPTIONS)

    def _tokens(self, channel: "grpc.Channel") -> "Tokens":
        from blrcs.transfer.tokens import Tokens  # noqa: PLC0415 - see the package

        if self.user_id is not None:
            if self.token_file is not None:
                raise typer.BadParameter("--user and --token-file exclude each other")
            return _signed_in(channel, self.user_id)
        if self.token_file is not None:
            file = self.token_file
            return Tokens(_token_in(file), lambda: _token_in(file))
        token = os.environ.get(TOKEN_VARIABLE, "").strip()
        if not token:
            fail(f"there is no token: give --token-file or --user, or set {TOKEN_VARIABLE}")
        return Tokens(token, lambda: token)


def collection_or_exit(name: str) -> CollectionKey:
    """The collection; ends the command where the name is none."""
    try:
        return collection_key_in(name, field="COLLECTION")
    except InvalidArgumentError as error:
        raise typer.BadParameter(error.message) from None


def format_of(given: Literal["jsonl", "csv"] | None, path: Path | None) -> Literal["jsonl", "csv"]:
    """The one that is given, or that the file's name says."""
    return given or ("csv" if path is not None and path.suffix.lower() == ".csv" else "jsonl")


def _is_own(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return address.startswith(UNIX_SCHEMES)


def _token_in(path: Path) -> str:
    token = read_or_exit(path)[:MAX_TOKEN_BYTES].decode(errors="replace").strip()
    if not token.isascii() or not token.isprintable() or not token:
        fail(f"{escape(str(path))} holds no token")
    return token


def _signed_in(channel: "grpc.Channel", user_id: str) -> "Tokens":
    """Opens a session, whose tokens follow each other."""
    import grpc  # noqa: PLC0415 - see the package

    from blrcs.transfer.errors import TransferError  # noqa: PLC0415
    from blrcs.transfer.tokens import Tokens  # noqa: PLC0415
    from blrcs.v1 import auth_pb2, auth_pb2_grpc  # noqa: PLC0415

    auth = auth_pb2_grpc.AuthServiceStub(channel)
    request = auth_pb2.SignInRequest(
        user_id=user_id, password=_password(user_id), display_name="blrcs records"
    )
    try:
        tokens = auth.SignIn(request, timeout=SIGN_IN_TIMEOUT_S).tokens
    except grpc.RpcError as error:
        fail(f"sign-in: {error.code().name}: {escape(error.details() or '')}")
    refresh_token = tokens.refresh_token

    def renew() -> str:
        nonlocal refresh_token
        request = auth_pb2.RefreshRequest(refresh_token=refresh_token)
        try:
            tokens = auth.Refresh(request, timeout=SIGN_IN_TIMEOUT_S).tokens
        except grpc.RpcError as error:
            raise TransferError(f"the session is over: {error.code().name}") from None
        refresh_token = tokens.refresh_token
        return str(tokens.access_token)

    return Tokens(tokens.access_token, renew)


def _password(user_id: str) -> str:
    """Asks the terminal; a program writes it to standard input, as one line."""
    if os.isatty(sys.stdin.fileno()):
        return getpass.getpass(f"Password of {user_id}: ")
    try:
        with Path("/dev/tty").open():
            pass
    except OSError:
        return sys.stdin.readline().removesuffix("\n")
    return getpass.getpass(f"Password of {user_id}: ")
