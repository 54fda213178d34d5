"""Roles: named sets of permissions."""

from dataclasses import dataclass

from blrcs.domain.etag import render_etag


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role as stored. Times are nanoseconds since the Unix epoch.

    Attributes:
        permissions: Dotted names; a last segment ``*`` stands for all that begin like it.
        included_roles: Names of roles whose permissions this one has too.
        builtin: It is part of the program, and cannot be changed.
        revision: Counts changes, from 1.
    """

    name: str
    display_name: str = ""
    permissions: tuple[str, ...] = ()
    included_roles: tuple[str, ...] = ()
    builtin: bool = False
    create_time_ns: int = 0
    update_time_ns: int = 0
    revision: int = 1

    @property
    def etag(self) -> str:
        """Different after every change; empty for a built-in role."""
        return "" if self.builtin else render_etag(self.create_time_ns, self.revision)
