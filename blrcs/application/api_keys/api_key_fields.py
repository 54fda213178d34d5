"""What a caller may set of an API key."""

from dataclasses import dataclass

from blrcs.domain.errors import InvalidArgumentError

UPDATABLE = frozenset({"display_name", "disabled", "expire_time"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyFields:
    """Values for the fields of an API key of the same names."""

    display_name: str = ""
    disabled: bool = False
    expire_time_ns: int | None = None

    def require_future_expiry(self, now_ns: int) -> None:
        """Raises InvalidArgumentError if the key would have expired already."""
        if self.expire_time_ns is not None and self.expire_time_ns <= now_ns:
            raise InvalidArgumentError("api_key.expire_time", "is not in the future")
