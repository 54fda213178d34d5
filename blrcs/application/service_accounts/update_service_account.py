"""Changing a service account."""

from collections.abc import Iterable
from dataclasses import replace

from blrcs.application.own_account import refuse_on_oneself
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.identity import ServiceAccountRepository
from blrcs.application.service_accounts.service_account_fields import (
    UPDATABLE,
    ServiceAccountFields,
)
from blrcs.application.update_mask import fields_to_update
from blrcs.domain.etag import require_etag
from blrcs.domain.identity_name import service_account_name
from blrcs.domain.service_account import ServiceAccount


class UpdateServiceAccount:
    """Changes fields of a service account. Disabling one makes its tokens worthless."""

    def __init__(self, *, accounts: ServiceAccountRepository, clock: Clock) -> None:
        self._accounts = accounts
        self._clock = clock

    async def __call__(
        self,
        account_id: str,
        fields: ServiceAccountFields,
        *,
        mask: Iterable[str],
        etag: str,
        actor: str,
    ) -> ServiceAccount:
        """The account after the change.

        Raises:
            InvalidArgumentError: The mask names what cannot be changed.
            FailedPreconditionError: ``actor`` would disable itself.
            NotFoundError: There is no such account.
            AbortedError: ``etag`` is not empty and not the stored one.
        """
        chosen = fields_to_update(mask, UPDATABLE)
        if "disabled" in chosen and fields.disabled:
            refuse_on_oneself(actor, service_account_name(account_id), "disable")
        now_ns = self._clock()

        def change(stored: ServiceAccount) -> ServiceAccount:
            require_etag(stored.name, stored=stored.etag, given=etag)
            changed = replace(
                stored,
                **{name: getattr(fields, name) for name in chosen},
                update_time_ns=now_ns,
                revision=stored.revision + 1,
            )
            if changed.disabled and not stored.disabled:
                return replace(changed, token_generation=stored.token_generation + 1)
            return changed

        return await self._accounts.update(account_id, change)
