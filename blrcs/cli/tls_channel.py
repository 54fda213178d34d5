"""TLS to a server, by the options of the commands that call one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blrcs.cli.exit import read_or_exit
from blrcs.transport.listening import UNIX_SCHEMES

if TYPE_CHECKING:
    import grpc

Authorities = Annotated[
    Path | None,
    typer.Option("--ca", help="Speak TLS, and trust the authorities in this PEM file."),
]
OwnCertificate = Annotated[
    Path | None,
    typer.Option("--cert", help="Speak TLS, and show the client certificate in this PEM file."),
]
OwnKey = Annotated[Path | None, typer.Option("--key", help="The key of --cert, as a PEM file.")]
ServerName = Annotated[
    str | None,
    typer.Option(
        help="Speak TLS, and have the server's certificate name this one; by default the address,"
        " or localhost for a Unix socket."
    ),
]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What a client trusts, and what it shows.

    Attributes:
        authorities: By default those that grpc knows.
        certificate: That of the client, if it shows one, with its key.
        server_name: See ServerName.
    """

    authorities: Path | None
    certificate: Path | None
    key: Path | None
    server_name: str | None

    @property
    def are_given(self) -> bool:
        """Whether there is anything that says to speak TLS."""
        return self != TlsFiles(None, None, None, None)

    def channel(self, address: str, options: Sequence[tuple[str, int]] = ()) -> "grpc.Channel":
        """A channel by TLS; ends the command where a file cannot be read."""
        import grpc  # noqa: PLC0415 - see the package

        if (self.certificate is None) != (self.key is None):
            raise typer.BadParameter("--cert and --key go together")
        roots, certificate, key = map(_read, (self.authorities, self.certificate, self.key))
        name = self.server_name or ("localhost" if address.startswith(UNIX_SCHEMES) else None)
        named = [] if name is None else [("grpc.ssl_target_name_override", name)]
        credentials = grpc.ssl_channel_credentials(roots, key, certificate)
        return grpc.secure_channel(address, credentials, [*options, *named])


def _read(path: Path | None) -> bytes | None:
    return None if path is None else read_or_exit(path)
