"""What a caller may set of a user."""

from dataclasses import dataclass

UPDATABLE = frozenset({"display_name", "email", "disabled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFields:
    """Values for the fields of a user of the same names."""

    display_name: str = ""
    email: str = ""
    disabled: bool = False
