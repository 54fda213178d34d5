"""API keys: long-lived secrets of service accounts, exchanged for access tokens."""

from dataclasses import dataclass, field

from blrcs.domain.etag import render_etag
from blrcs.domain.identity_name import api_key_name
from blrcs.domain.service_account import ServiceAccount


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """An API key as stored. Times are nanoseconds since the Unix epoch.

    Attributes:
        prefix: The first characters of the key's text, which no two keys share.
        secret_hash: SHA-256 of the key's text.
        expire_time_ns: None for a key that does not expire.
        use_time_ns: The last exchange, to within a minute; None before the first.
        token_generation: Grows when the tokens got with this key so far are to be refused.
        revision: Counts changes, from 1; use is none.
    """

    service_account_id: str
    id: str
    display_name: str = ""
    prefix: str
    secret_hash: bytes = field(repr=False)
    disabled: bool = False
    expire_time_ns: int | None = None
    use_time_ns: int | None = None
    token_generation: int = 0
    create_time_ns: int
    update_time_ns: int
    revision: int = 1

    @property
    def name(self) -> str:
        """``serviceAccounts/{service_account}/apiKeys/{api_key}``."""
        return api_key_name(self.service_account_id, self.id)

    @property
    def etag(self) -> str:
        """Different after every change."""
        return render_etag(self.create_time_ns, self.revision)

    def expired(self, now_ns: int) -> bool:
        """Whether the key has expired."""
        return self.expire_time_ns is not None and self.expire_time_ns <= now_ns

    def token_session_id(self, account: ServiceAccount) -> str:
        """What the tokens got with this key now carry as ``sid``, so that they can be revoked.

        It changes with either generation: revoked tokens stay refused, later ones are not touched.
        """
        return f"{self.prefix}.{account.token_generation}.{self.token_generation}"
