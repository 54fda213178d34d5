"""What makes a password acceptable whatever others choose (NIST SP 800-63B-4, section 3.1.1.2)."""

from blrcs.domain.errors import InvalidArgumentError

MIN_CHARACTERS = 8
MAX_SIZE_BYTES = 1024


def check_password(
    password: str, *, user_id: str, field: str, min_characters: int = MIN_CHARACTERS
) -> None:
    """Raises InvalidArgumentError about ``field`` for a password that may not be chosen."""
    if len(password) < min_characters:
        raise InvalidArgumentError(
            field, f"has fewer than {min_characters} characters", reason="PASSWORD_TOO_SHORT"
        )
    if len(password.encode()) > MAX_SIZE_BYTES:
        raise InvalidArgumentError(
            field, f"has more than {MAX_SIZE_BYTES} bytes", reason="PASSWORD_TOO_LONG"
        )
    if password.casefold() == user_id.casefold():
        raise InvalidArgumentError(field, "is the user's id", reason="PASSWORD_GUESSABLE")
