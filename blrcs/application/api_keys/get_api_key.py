"""Getting an API key."""

from blrcs.application.ports.identity import ApiKeyRepository
from blrcs.domain.api_key import ApiKey
from blrcs.domain.errors import NotFoundError
from blrcs.domain.identity_name import api_key_name


class GetApiKey:
    """Gets an API key by its service account's id and its own."""

    def __init__(self, *, api_keys: ApiKeyRepository) -> None:
        self._api_keys = api_keys

    async def __call__(self, account_id: str, key_id: str) -> ApiKey:
        """The key, without its text; NotFoundError if there is none."""
        key = await self._api_keys.get(account_id, key_id)
        if key is None:
            raise NotFoundError(api_key_name(account_id, key_id))
        return key
