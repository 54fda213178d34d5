"""What a caller may set of a binding."""

from dataclasses import dataclass

from blrcs.application.ports.access import ResourceRule
from blrcs.domain.binding import ROOT
from blrcs.domain.errors import InvalidArgumentError

UPDATABLE = frozenset({"role", "members", "resource", "expire_time"})
ATTRIBUTES = {"expire_time": "expire_time_ns"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingFields:
    """Values for the fields of a binding of the same names."""

    role: str = ""
    members: tuple[str, ...] = ()
    resource: str = ROOT
    expire_time_ns: int | None = None

    def chosen(self, fields: frozenset[str]) -> dict[str, object]:
        """The values of some fields, by the names of a binding's attributes."""
        names = (ATTRIBUTES.get(name, name) for name in fields)
        return {name: getattr(self, name) for name in names}

    def check_resource(self, rule: ResourceRule) -> None:
        """Raises InvalidArgumentError unless the rule accepts the resource."""
        try:
            rule(self.resource)
        except ValueError as error:
            raise InvalidArgumentError("binding.resource", str(error)) from error
