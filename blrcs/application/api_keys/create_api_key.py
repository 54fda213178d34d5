"""Creating an API key."""

from dataclasses import dataclass, field

from blrcs.application.api_keys.api_key_fields import ApiKeyFields
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator
from blrcs.application.ports.identity import ApiKeyRepository
from blrcs.domain.api_key import ApiKey


@dataclass(frozen=True, slots=True)
class CreatedApiKey:
    """The key as stored, and its text, which nothing can show again."""

    key: ApiKey
    text: str = field(repr=False)


class CreateApiKey:
    """Creates an API key of a service account."""

    def __init__(
        self, *, api_keys: ApiKeyRepository, secrets: SecretGenerator, clock: Clock
    ) -> None:
        self._api_keys = api_keys
        self._secrets = secrets
        self._clock = clock

    async def __call__(self, account_id: str, key_id: str, fields: ApiKeyFields) -> CreatedApiKey:
        """The key created, under a made-up id if none is given.

        Raises:
            InvalidArgumentError: The expiry is not in the future.
            NotFoundError: There is no such service account.
            AlreadyExistsError: The id is taken.
        """
        now_ns = self._clock()
        fields.require_future_expiry(now_ns)
        secret = self._secrets.api_key()
        key = ApiKey(
            service_account_id=account_id,
            id=key_id or self._secrets.resource_id(),
            display_name=fields.display_name,
            prefix=secret.prefix,
            secret_hash=secret.hash,
            disabled=fields.disabled,
            expire_time_ns=fields.expire_time_ns,
            create_time_ns=now_ns,
            update_time_ns=now_ns,
        )
        await self._api_keys.add(key)
        return CreatedApiKey(key, secret.text)
