"""Where a MySQL or MariaDB is, and how it is reached."""

import ssl
from dataclasses import dataclass, field
from typing import Literal, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from blrcs.database.errors import DatabaseOpenError

DEFAULT_PORT = 3306

SslMode = Literal["disabled", "required", "verify_ca", "verify_identity"]

_SCHEMES = ("mysql", "mariadb")
_MODES: dict[str, SslMode] = {
    "disabled": "disabled",
    "required": "required",
    "verify_ca": "verify_ca",
    "verify_identity": "verify_identity",
}
_PARAMETERS = {"socket", "ssl-mode", "ssl-ca", "ssl-cert", "ssl-key"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MysqlUrl:
    """A URL's parts. What it is printed as has no password.

    Attributes:
        host: A name or an address.
        port: The port there.
        database: The name of the database.
        user: Who logs in.
        password: With what; may be empty.
        socket: A Unix socket, instead of host and port.
        ssl_mode: Whether TLS is used, and what is asked of the server's certificate.
        ssl_ca: A file of certificates to trust, instead of the system's.
        ssl_cert: The client's own certificate.
        ssl_key: Its key, where it is in a file of its own.
    """

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    socket: str | None = None
    ssl_mode: SslMode = "disabled"
    ssl_ca: str | None = None
    ssl_cert: str | None = None
    ssl_key: str | None = None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Reads ``mysql://user:password@host:port/database?parameter=value``.

        Parameters are named as in MySQL's own URI-like connection strings: ``socket``;
        ``ssl-mode``, which is ``disabled`` where it is missing, since a server need not speak TLS,
        or ``required`` (any certificate), ``verify_ca``, ``verify_identity``; ``ssl-ca``,
        ``ssl-cert`` and ``ssl-key``, which are paths. What is special in a URL is percent-encoded.

        Raises:
            DatabaseOpenError: It is not of that form. The text does not repeat it.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or DEFAULT_PORT
            pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        except ValueError:
            raise _unusable("it is not a URL") from None
        if parts.scheme not in _SCHEMES:
            raise _unusable("it has to begin with mysql:// or mariadb://")
        parameters = dict(pairs)
        if unknown := sorted(parameters.keys() - _PARAMETERS):
            raise _unusable(f"it has unknown parameters: {', '.join(unknown)}")
        mode = _MODES.get(parameters.get("ssl-mode", "disabled").lower())
        if mode is None:
            raise _unusable(f"its ssl-mode has to be one of {', '.join(_MODES)}")
        database = unquote(parts.path.removeprefix("/"))
        if not database or not parts.username:
            raise _unusable("it has to name a user and a database")
        return cls(
            host=parts.hostname or "localhost",
            port=port,
            database=database,
            user=unquote(parts.username),
            password=unquote(parts.password or ""),
            socket=parameters.get("socket"),
            ssl_mode=mode,
            ssl_ca=parameters.get("ssl-ca"),
            ssl_cert=parameters.get("ssl-cert"),
            ssl_key=parameters.get("ssl-key"),
        )

    @property
    def place(self) -> str:
        """Where it is, for people."""
        where = self.socket or f"{self.host}:{self.port}"
        return f"mysql database {self.database} at {where}"

    def ssl_context(self) -> ssl.SSLContext | None:
        """What TLS is spoken with.

        Raises:
            DatabaseOpenError: A file cannot be read.
        """
        if self.ssl_mode == "disabled":
            return None
        try:
            context = ssl.create_default_context(cafile=self.ssl_ca)
            if self.ssl_cert is not None:
                context.load_cert_chain(self.ssl_cert, self.ssl_key)
        except (OSError, ssl.SSLError) as error:
            raise DatabaseOpenError(
                self.place, f"its certificates or key cannot be read: {error.strerror}"
            ) from error
        context.check_hostname = self.ssl_mode == "verify_identity"
        if self.ssl_mode == "required":
            context.verify_mode = ssl.CERT_NONE
        return context


def _unusable(problem: str) -> DatabaseOpenError:
    return DatabaseOpenError("the database's URL cannot be used", problem)
