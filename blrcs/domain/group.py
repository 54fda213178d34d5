"""Groups: named sets of principals."""

from dataclasses import dataclass, replace

from blrcs.domain.etag import render_etag


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group as stored. Times are nanoseconds since the Unix epoch.

    Attributes:
        members: Names of users, service accounts and other groups.
        revision: Counts changes, from 1.
    """

    name: str
    display_name: str = ""
    members: tuple[str, ...] = ()
    create_time_ns: int
    update_time_ns: int
    revision: int = 1

    @property
    def etag(self) -> str:
        """Different after every change."""
        return render_etag(self.create_time_ns, self.revision)

    def without_member(self, member: str, *, now_ns: int) -> "Group":
        """The group without a member; itself if it has no such member."""
        if member not in self.members:
            return self
        kept = tuple(each for each in self.members if each != member)
        return replace(self, members=kept, update_time_ns=now_ns, revision=self.revision + 1)
