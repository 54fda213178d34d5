"""Passwords that everybody tries first."""

from collections.abc import Iterator

from blrcs.config.settings import Settings
from blrcs.doctor.finding import Finding, Severity

ADMINISTRATOR = "admin"
PARTS = ("admin", "administrator", "password", "passwort", "secret", "changeme", "letmein", "blrcs")
WHOLE = frozenset(
    {"12345678", "123456789", "1234567890", "11111111", "00000000", "qwertyui", "qwertyuiop"}
) | {"iloveyou", "trustno1", "postgres", "postgresql", "mysql", "mariadb", "redis", "root"}


def is_known(password: str, user: str = "") -> bool:
    """Whether it is made of the words and digits that passwords of defaults are made of."""
    bare = password.casefold().strip("0123456789!?.-_ ")
    return (
        password.casefold() in WHOLE
        or bare in WHOLE
        or bare == user.casefold()
        or any(bare == part * (len(bare) // len(part)) for part in PARTS)
    )


def examine_passwords(settings: Settings) -> Iterator[Finding]:
    """The first password of the administrator, where the configuration gives it."""
    password = settings.auth.initial_admin_password
    if password is not None and is_known(password.get_secret_value(), ADMINISTRATOR):
        yield Finding(
            check="known-password",
            severity=Severity.CRITICAL,
            key="auth.initial_admin_password",
            problem="is a password that everybody tries first",
            remedy="leave it out: a random one is made and printed once",
        )
