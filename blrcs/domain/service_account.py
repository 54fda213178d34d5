"""Service accounts: programs that call with tokens got for an API key."""

from dataclasses import dataclass

from blrcs.domain.etag import render_etag
from blrcs.domain.identity_name import service_account_name


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """A service account as stored. Times are nanoseconds since the Unix epoch.

    Attributes:
        token_generation: Grows when all tokens got so far are to be refused.
        revision: Counts changes, from 1.
    """

    id: str
    display_name: str = ""
    disabled: bool = False
    token_generation: int = 0
    create_time_ns: int
    update_time_ns: int
    revision: int = 1

    @property
    def name(self) -> str:
        """``serviceAccounts/{service_account}``."""
        return service_account_name(self.id)

    @property
    def etag(self) -> str:
        """Different after every change."""
        return render_etag(self.create_time_ns, self.revision)
