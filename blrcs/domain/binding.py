"""Bindings: a role for members on a resource and all below it, granted or denied."""

import enum
from dataclasses import dataclass, replace

from blrcs.domain.condition.condition import Condition
from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.etag import render_etag


class Effect(enum.Enum):
    """What a binding does with the permissions of its role; the numbers are those of blrcs.v1."""

    GRANT = 1
    DENY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A binding as stored. Times are nanoseconds since the Unix epoch.

    Attributes:
        members: Users, service accounts and groups by name, ``allAuthenticated`` or ``allUsers``.
        resource: A resource's name; empty is the root, above all resources.
        expire_time_ns: The binding counts until then; None is for ever.
        effect: One that denies counts before all that grant.
        condition: When it counts; None is always.
        revision: Counts changes, from 1.
    """

    name: str
    role: str
    members: tuple[str, ...]
    resource: str = ""
    expire_time_ns: int | None = None
    effect: Effect = Effect.GRANT
    condition: Condition | None = None
    create_time_ns: int
    update_time_ns: int
    revision: int = 1

    @property
    def etag(self) -> str:
        """Different after every change."""
        return render_etag(self.create_time_ns, self.revision)

    @property
    def denies(self) -> bool:
        """It takes away what its role grants."""
        return self.effect is Effect.DENY

    def counts_at(self, at_ns: int) -> bool:
        """It has not expired by then."""
        return self.expire_time_ns is None or at_ns < self.expire_time_ns

    def covers(self, resource: str) -> bool:
        """The resource is the one that it is for, or lies below that."""
        return not self.resource or f"{resource}/".startswith(f"{self.resource}/")

    def check(self) -> None:
        """Raises InvalidArgumentError unless it has a role, members and no bad condition."""
        if not self.role:
            raise InvalidArgumentError("binding.role", "is needed")
        if not self.members:
            raise InvalidArgumentError("binding.members", "has at least one member")
        if self.condition is not None:
            self.condition.check()

    def without_member(self, member: str, *, now_ns: int) -> "Binding":
        """The binding without a member; itself if it has no such member."""
        if member not in self.members:
            return self
        kept = tuple(each for each in self.members if each != member)
        return replace(self, members=kept, update_time_ns=now_ns, revision=self.revision + 1)
