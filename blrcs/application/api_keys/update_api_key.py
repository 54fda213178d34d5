"""Changing an API key."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from blrcs.application.api_keys.api_key_fields import UPDATABLE, ApiKeyFields
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.identity import ApiKeyRepository
from blrcs.application.update_mask import fields_to_update
from blrcs.domain.api_key import ApiKey
from blrcs.domain.etag import require_etag


class UpdateApiKey:
    """Changes fields of an API key.

    Disabling it, or letting it expire earlier, makes the tokens got with it worthless: they may
    have been issued to last longer.
    """

    def __init__(self, *, api_keys: ApiKeyRepository, clock: Clock) -> None:
        self._api_keys = api_keys
        self._clock = clock

    async def __call__(
        self, account_id: str, key_id: str, fields: ApiKeyFields, *, mask: Iterable[str], etag: str
    ) -> ApiKey:
        """The key after the change.

        Raises:
            InvalidArgumentError: The mask names what cannot be changed, or the expiry is a new one
                and not in the future.
            NotFoundError: There is no such key.
            AbortedError: ``etag`` is not empty and not the stored one.
        """
        chosen = fields_to_update(mask, UPDATABLE)
        values: dict[str, Any] = {}
        for name in chosen:
            attribute = "expire_time_ns" if name == "expire_time" else name
            values[attribute] = getattr(fields, attribute)
        now_ns = self._clock()

        def change(stored: ApiKey) -> ApiKey:
            require_etag(stored.name, stored=stored.etag, given=etag)
            changed = replace(stored, **values, update_time_ns=now_ns, revision=stored.revision + 1)
            if changed.expire_time_ns != stored.expire_time_ns:
                fields.require_future_expiry(now_ns)
            if (changed.disabled and not stored.disabled) or _expires_earlier(changed, stored):
                return replace(changed, token_generation=stored.token_generation + 1)
            return changed

        return await self._api_keys.update(account_id, key_id, change)


def _expires_earlier(changed: ApiKey, stored: ApiKey) -> bool:
    if changed.expire_time_ns is None:
        return False
    return stored.expire_time_ns is None or changed.expire_time_ns < stored.expire_time_ns
