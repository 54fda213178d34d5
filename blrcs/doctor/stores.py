"""How the server reaches what keeps its data."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from blrcs.config.settings import Settings
from blrcs.doctor.finding import Finding, Severity
from blrcs.doctor.listeners import is_loopback
from blrcs.doctor.passwords import is_known

ENCRYPTED_SCHEMES = frozenset({"rediss", "rediss+sentinel", "rediss+cluster"})
SQLITE = "sqlite"
UNIX = "unix"
ENCRYPTION = ("ssl", "sslmode", "ssl_mode", "ssl-mode", "tls")
OFF = frozenset({"", "0", "false", "off", "no", "disable", "disabled", "allow", "prefer"})


def examine_stores(settings: Settings) -> Iterator[Finding]:
    """The databases and Redis: their passwords, and whether the way there is encrypted."""
    places = [("database.url", settings.database.url), ("redis.url", settings.redis.url)]
    places += [("database.replicas", url) for url in settings.database.replicas]
    for key, url in places:
        if url is not None:
            yield from _examine(key, url)


def _examine(key: str, secret: SecretStr) -> Iterator[Finding]:
    try:
        url = urlsplit(secret.get_secret_value())
        host, password = url.hostname, url.password
    except ValueError:
        return  # opening it says what is wrong with it
    if url.scheme in (SQLITE, UNIX) or not host or is_loopback(host):
        return
    if password is None or is_known(password, url.username or ""):
        yield Finding(
            check="store-password",
            severity=Severity.WARNING,
            key=key,
            problem=f"reaches {host} with no password, or with one that everybody tries first",
            remedy="give the store's user a random password",
        )
    options = parse_qs(url.query)
    encrypted = url.scheme in ENCRYPTED_SCHEMES or any(
        value.lower() not in OFF for name in ENCRYPTION for value in options.get(name, ())
    )
    if not encrypted:
        yield Finding(
            check="store-plaintext",
            severity=Severity.WARNING,
            key=key,
            problem=f"may reach {host} in plain text",
            remedy="ask for TLS in the URL, unless nobody else is on that network",
        )
