"""Bindings: a role for members on a resource and all below it."""

from dataclasses import dataclass, replace

from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.etag import render_etag


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A binding as stored. Times are nanoseconds since the Unix epoch.

    Attributes:
        members: Users, service accounts and groups by name, ``allAuthenticated`` or ``allUsers``.
        resource: A resource's name; empty is the root, above all resources.
        expire_time_ns: The binding counts until then; None is for ever.
        revision: Counts changes, from 1.
    """

    name: str
    role: str
    members: tuple[str, ...]
    resource: str = ""
    expire_time_ns: int | None = None
    create_time_ns: int
    update_time_ns: int
    revision: int = 1

    @property
    def etag(self) -> str:
        """Different after every change."""
        return render_etag(self.create_time_ns, self.revision)

    def check(self) -> None:
        """Raises InvalidArgumentError unless it has a role and members."""
        if not self.role:
            raise InvalidArgumentError("binding.role", "is needed")
        if not self.members:
            raise InvalidArgumentError("binding.members", "has at least one member")

    def without_member(self, member: str, *, now_ns: int) -> "Binding":
        """The binding without a member; itself if it has no such member."""
        if member not in self.members:
            return self
        kept = tuple(each for each in self.members if each != member)
        return replace(self, members=kept, update_time_ns=now_ns, revision=self.revision + 1)
