"""What a caller may set of a role."""

from dataclasses import dataclass

UPDATABLE = frozenset({"display_name", "permissions", "included_roles"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleFields:
    """Values for the fields of a role of the same names."""

    display_name: str = ""
    permissions: tuple[str, ...] = ()
    included_roles: tuple[str, ...] = ()

    def chosen(self, fields: frozenset[str]) -> dict[str, object]:
        """The values of some fields."""
        return {name: getattr(self, name) for name in fields}
