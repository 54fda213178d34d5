"""What makes a password acceptable (after NIST SP 800-63B, section 5.1.1)."""

from blrcs.domain.errors import InvalidArgumentError

MIN_CHARACTERS = 8
MAX_SIZE_BYTES = 1024


def check_password(password: str, *, user_id: str, field: str) -> None:
    """Raises InvalidArgumentError about ``field`` for a password that may not be chosen."""
    if len(password) < MIN_CHARACTERS:
        raise InvalidArgumentError(field, f"has fewer than {MIN_CHARACTERS} characters")
    if len(password.encode()) > MAX_SIZE_BYTES:
        raise InvalidArgumentError(field, f"has more than {MAX_SIZE_BYTES} bytes")
    if password.casefold() == user_id.casefold():
        raise InvalidArgumentError(field, "is the user's id")
