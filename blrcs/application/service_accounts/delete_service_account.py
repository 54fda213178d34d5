"""Deleting a service account."""

from blrcs.application.own_account import refuse_on_oneself
from blrcs.application.ports.identity import ServiceAccountRepository
from blrcs.domain.identity_name import service_account_name


class DeleteServiceAccount:
    """Deletes a service account, its API keys, and the worth of its tokens."""

    def __init__(self, *, accounts: ServiceAccountRepository) -> None:
        self._accounts = accounts

    async def __call__(self, account_id: str, *, etag: str, actor: str) -> None:
        """Deletes it.

        Raises:
            FailedPreconditionError: ``actor`` would delete itself.
            NotFoundError: There is no such account.
            AbortedError: ``etag`` is not empty and not the stored one.
        """
        refuse_on_oneself(actor, service_account_name(account_id), "delete")
        await self._accounts.delete(account_id, etag=etag)
