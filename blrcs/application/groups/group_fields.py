"""What a caller may set of a group."""

from dataclasses import dataclass

UPDATABLE = frozenset({"display_name", "members"})


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFields:
    """Values for the fields of a group of the same names."""

    display_name: str = ""
    members: tuple[str, ...] = ()

    def chosen(self, fields: frozenset[str]) -> dict[str, object]:
        """The values of some fields."""
        return {name: getattr(self, name) for name in fields}
