"""What a caller may set of a binding."""

from dataclasses import dataclass

from blrcs.domain.binding import Effect
from blrcs.domain.condition.condition import Condition

UPDATABLE = frozenset({"role", "members", "resource", "expire_time", "effect", "condition"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingFields:
    """Values for the fields of a binding of the same names."""

    role: str = ""
    members: tuple[str, ...] = ()
    resource: str = ""
    expire_time_ns: int | None = None
    effect: Effect = Effect.GRANT
    condition: Condition | None = None

    def chosen(self, fields: frozenset[str]) -> dict[str, object]:
        """The values of some fields, by the names of a binding's attributes."""
        names = ("expire_time_ns" if name == "expire_time" else name for name in fields)
        return {name: getattr(self, name) for name in names}
