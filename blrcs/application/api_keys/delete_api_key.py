"""Deleting an API key."""

from blrcs.application.ports.identity import ApiKeyRepository


class DeleteApiKey:
    """Deletes an API key, and makes the tokens got with it worthless."""

    def __init__(self, *, api_keys: ApiKeyRepository) -> None:
        self._api_keys = api_keys

    async def __call__(self, account_id: str, key_id: str, *, etag: str) -> None:
        """Deletes it.

        Raises:
            NotFoundError: There is no such key.
            AbortedError: ``etag`` is not empty and not the stored one.
        """
        await self._api_keys.delete(account_id, key_id, etag=etag)
