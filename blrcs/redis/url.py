"""Where a Redis is, and how it is reached."""

import re
from dataclasses import dataclass, field
from typing import Literal, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from blrcs.domain.host import bracketed
from blrcs.redis.errors import RedisOpenError

DEFAULT_PORT = 6379
DEFAULT_SENTINEL_PORT = 26379

Kind = Literal["single", "unix", "sentinel", "cluster"]

_SCHEMES: dict[str, tuple[Kind, bool]] = {
    "redis": ("single", False),
    "rediss": ("single", True),
    "unix": ("unix", False),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
_TLS = {"ca", "cert", "key"}
_LOGIN_OF_SENTINELS = {"sentinel_username", "sentinel_password"}
_PLACE = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:,]+)(?::(?P<port>[0-9]{1,5}))?")
_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Place:
    """Where something listens: a host and a port, or the path of a Unix socket.

    What it is printed as is for people.
    """

    host: str
    port: int = 0

    def __str__(self) -> str:
        return f"{bracketed(self.host)}:{self.port}" if self.port else self.host


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisUrl:
    """A URL's parts. What it is printed as has no password.

    Attributes:
        kind: What is at the places.
        places: One server; or the Sentinels; or some nodes of the Cluster.
        username: Who logs in; empty for Redis's default user.
        password: With what; may be empty.
        database: The number of the database.
        service: The name under which Sentinels know the master; empty without them.
        tls: Whether TLS is spoken. The server's certificate has to be good for its host.
        ca: A file of certificates to trust, instead of the system's.
        cert: The client's own certificate.
        key: Its key, where it is in a file of its own.
        sentinel_username: Who logs in at the Sentinels.
        sentinel_password: With what.
    """

    kind: Kind
    places: tuple[Place, ...]
    username: str = ""
    password: str = field(default="", repr=False)
    database: int = 0
    service: str = ""
    tls: bool = False
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    sentinel_username: str = ""
    sentinel_password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Reads a URL of one of these forms.

        - ``redis://user:password@host:port/database``, ``rediss://`` with TLS;
        - ``unix://user:password@/path?db=database``;
        - ``redis+sentinel://user:password@host:port,host:port/service?db=database``, with
          ``sentinel_username`` and ``sentinel_password`` where Sentinels ask for a login too;
        - ``redis+cluster://user:password@host:port,host:port``.

        With TLS (``rediss``) the parameters ``ca``, ``cert`` and ``key`` name files. ``db`` stands
        for the database where the path does not. What is special in a URL is percent-encoded.

        Raises:
            RedisOpenError: It is not of that form. The text does not repeat it.
        """
        try:
            parts = urlsplit(url)
            pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        except ValueError:
            raise _unusable("it is not a URL") from None
        if parts.scheme not in _SCHEMES:
            raise _unusable(f"it has to begin with one of {', '.join(f'{s}://' for s in _SCHEMES)}")
        kind, tls = _SCHEMES[parts.scheme]
        parameters = dict(pairs)
        _see_to_parameters(parameters, kind, tls=tls)
        login, _, places = parts.netloc.rpartition("@")
        username, _, password = login.partition(":")
        path = unquote(parts.path)
        return cls(
            kind=kind,
            places=(Place(path),) if kind == "unix" else _places(places, kind),
            username=unquote(username),
            password=unquote(password),
            database=_database(kind, path, parameters),
            service=_service(kind, path),
            tls=tls,
            ca=parameters.get("ca"),
            cert=parameters.get("cert"),
            key=parameters.get("key"),
            sentinel_username=parameters.get("sentinel_username", ""),
            sentinel_password=parameters.get("sentinel_password", ""),
        )

    @property
    def place(self) -> str:
        """Where it is, for people."""
        where = ", ".join(map(str, self.places))
        match self.kind:
            case "sentinel":
                return f"Redis {self.service} by the Sentinels at {where}"
            case "cluster":
                return f"Redis Cluster at {where}"
        return f"Redis at {where}"


def _see_to_parameters(parameters: dict[str, str], kind: Kind, *, tls: bool) -> None:
    known = {"db"} if kind != "cluster" else set()
    known |= _TLS if tls else set()
    known |= _LOGIN_OF_SENTINELS if kind == "sentinel" else set()
    if unknown := sorted(parameters.keys() - known):
        raise _unusable(f"it has unknown parameters: {', '.join(unknown)}")
    if "key" in parameters and "cert" not in parameters:
        raise _unusable("key is given together with cert")


def _places(text: str, kind: Kind) -> tuple[Place, ...]:
    default = DEFAULT_SENTINEL_PORT if kind == "sentinel" else DEFAULT_PORT
    found = []
    for each in text.split(","):
        match = _PLACE.fullmatch(each)
        if match is None:
            raise _unusable("it has to name host:port, several of them with a comma between")
        port = int(match["port"] or default)
        if not 0 < port <= _MAX_PORT:
            raise _unusable("a port is a number from 1 to 65535")
        found.append(Place(unquote(match["host"]).strip("[]"), port))
    if kind == "single" and len(found) > 1:
        raise _unusable("several places are for redis+sentinel:// and redis+cluster://")
    return tuple(found)


def _database(kind: Kind, path: str, parameters: dict[str, str]) -> int:
    text = parameters.get("db", "")
    if kind == "single" and path.strip("/"):
        if text:
            raise _unusable("its path and its db both name a database")
        text = path.removeprefix("/")
    if kind == "cluster" and path.strip("/"):
        raise _unusable("a Cluster has one database alone, and no path")
    if not text:
        return 0
    if not text.isascii() or not text.isdigit():
        raise _unusable("its database has to be a number")
    return int(text)


def _service(kind: Kind, path: str) -> str:
    if kind == "unix" and not path.strip("/"):
        raise _unusable("it has to name the path of a socket")
    if kind != "sentinel":
        return ""
    service = path.removeprefix("/")
    if not service or "/" in service:
        raise _unusable("its path has to be the name of the Sentinels' service")
    return service


def _unusable(problem: str) -> RedisOpenError:
    return RedisOpenError("the Redis URL cannot be used", problem)
