"""How the user of a session was authenticated, as columns of its row."""

from blrcs.database.statement import Row
from blrcs.domain.authentication import Authentication, AuthenticationLevel, by_password


def authentication_to_row(authentication: Authentication) -> dict[str, object]:
    """The values of the columns that tell of it."""
    return {
        "level": int(authentication.level),
        "methods": " ".join(authentication.methods),
        "authenticated_at_ns": authentication.time_ns,
    }


def authentication_from_row(row: Row) -> Authentication:
    """What a session's row tells of it."""
    if row.authenticated_at_ns is None:
        return by_password(row.created_at_ns)
    return Authentication(
        level=AuthenticationLevel(row.level),
        methods=tuple(row.methods.split()),
        time_ns=row.authenticated_at_ns,
    )
