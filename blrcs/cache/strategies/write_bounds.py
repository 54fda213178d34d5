"""What a single write may be."""

from blrcs.cache.strategies.log.record import MAX_KEY_BYTES
from blrcs.domain.errors import InvalidArgumentError


def check_write(key: str, value: bytes | None, max_value_bytes: int) -> None:
    """Returns where a log can keep it.

    Raises:
        InvalidArgumentError: The key or value is too long, or the key is no text of Unicode.
    """
    try:
        key_bytes = len(key.encode())
    except UnicodeEncodeError as error:
        raise InvalidArgumentError("key", "is no text of Unicode") from error
    if key_bytes > MAX_KEY_BYTES:
        raise InvalidArgumentError("key", f"has more than {MAX_KEY_BYTES} bytes")
    if value is not None and len(value) > max_value_bytes:
        raise InvalidArgumentError("value", f"has more than {max_value_bytes} bytes")
