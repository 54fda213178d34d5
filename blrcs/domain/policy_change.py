"""A change of the access policy, of one thing or of many at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from blrcs.domain.binding import Binding
from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.group import Group
from blrcs.domain.role import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """Roles, groups and bindings that are put, and others of any kind that are deleted.

    Attributes:
        etags: Those that are expected of what is stored, by name; an empty one expects nothing.
    """

    roles: Sequence[Role] = ()
    groups: Sequence[Group] = ()
    bindings: Sequence[Binding] = ()
    deleted: Sequence[str] = ()
    etags: Mapping[str, str] = field(default_factory=dict)

    @property
    def put(self) -> Iterator[Role | Group | Binding]:
        """All that is put."""
        yield from self.roles
        yield from self.groups
        yield from self.bindings

    def check(self) -> None:
        """Raises InvalidArgumentError where it says two things of one name."""
        seen: set[str] = set()
        for name in (*(each.name for each in self.put), *self.deleted):
            if name in seen:
                raise InvalidArgumentError("name", f"{name} is named twice")
            seen.add(name)
