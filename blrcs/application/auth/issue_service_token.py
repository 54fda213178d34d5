"""Exchanging an API key for an access token."""

from blrcs.application.auth.tokens import Tokens
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator, TokenIssuer
from blrcs.application.ports.identity import ApiKeyRepository
from blrcs.domain.errors import UnauthenticatedError
from blrcs.domain.token_limits import TokenBinding, TokenLimits

USE_TIME_PRECISION_NS = 60_000_000_000


class IssueServiceToken:
    """Issues an access token to a service account that shows one of its API keys."""

    def __init__(
        self,
        *,
        api_keys: ApiKeyRepository,
        secrets: SecretGenerator,
        tokens: TokenIssuer,
        clock: Clock,
    ) -> None:
        self._api_keys = api_keys
        self._secrets = secrets
        self._tokens = tokens
        self._clock = clock

    async def __call__(self, api_key: str, *, binding: TokenBinding | None = None) -> Tokens:
        """A token that lives no longer than the key, bound to what the caller has shown.

        Raises:
            UnauthenticatedError: The key is unknown, expired or disabled, or its service account
                is; it does not tell which.
        """
        now_ns = self._clock()
        secret_hash = self._secrets.api_key_hash(api_key)
        found = None if secret_hash is None else await self._api_keys.find(secret_hash)
        if found is None:
            raise self._refusal
        key, account = found
        if key.disabled or key.expired(now_ns) or account.disabled:
            raise self._refusal
        access = self._tokens.issue(
            account.name,
            key.token_session_id(account),
            not_after_ns=key.expire_time_ns,
            api_key_id=key.id,
            limits=TokenLimits(binding=binding),
        )
        if key.use_time_ns is None or now_ns - key.use_time_ns >= USE_TIME_PRECISION_NS:
            self._api_keys.note_use(key, now_ns)
        return Tokens(access=access, binding=binding)

    @property
    def _refusal(self) -> UnauthenticatedError:
        return UnauthenticatedError("API_KEY_INVALID", "the API key is not valid")
