"""Users: people who sign in with a password."""

from dataclasses import dataclass, field, replace

from blrcs.domain.etag import render_etag
from blrcs.domain.identity_name import user_name


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user as stored. Times are nanoseconds since the Unix epoch.

    Attributes:
        password_hash: In the PHC string format; never leaves the server.
        password_time_ns: When the password was chosen. A new hash of the same password keeps it.
        password_change_required: Somebody else chose the password.
        revision: Counts changes, from 1.
    """

    id: str
    display_name: str = ""
    email: str = ""
    disabled: bool = False
    password_hash: str = field(repr=False)
    password_time_ns: int
    password_change_required: bool
    create_time_ns: int
    update_time_ns: int
    revision: int = 1

    @classmethod
    def administrator(cls, user_id: str, password_hash: str, *, now_ns: int) -> "User":
        """One who is made to administer, with a password that somebody else chose."""
        return cls(
            id=user_id,
            display_name="Administrator",
            password_hash=password_hash,
            password_time_ns=now_ns,
            password_change_required=True,
            create_time_ns=now_ns,
            update_time_ns=now_ns,
        )

    @property
    def name(self) -> str:
        """``users/{user}``."""
        return user_name(self.id)

    @property
    def etag(self) -> str:
        """Different after every change."""
        return render_etag(self.create_time_ns, self.revision)

    def with_password(self, password_hash: str, *, now_ns: int, by_owner: bool) -> "User":
        """The user after a new password was chosen, by itself or by somebody else."""
        return replace(
            self,
            password_hash=password_hash,
            password_time_ns=now_ns,
            password_change_required=not by_owner,
            update_time_ns=now_ns,
            revision=self.revision + 1,
        )
