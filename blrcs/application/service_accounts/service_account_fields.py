"""What a caller may set of a service account."""

from dataclasses import dataclass

UPDATABLE = frozenset({"display_name", "disabled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccountFields:
    """Values for the fields of a service account of the same names."""

    display_name: str = ""
    disabled: bool = False
