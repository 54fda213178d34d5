"""Getting a service account."""

from blrcs.application.ports.identity import ServiceAccountRepository
from blrcs.domain.errors import NotFoundError
from blrcs.domain.identity_name import service_account_name
from blrcs.domain.service_account import ServiceAccount


class GetServiceAccount:
    """Gets a service account by id."""

    def __init__(self, *, accounts: ServiceAccountRepository) -> None:
        self._accounts = accounts

    async def __call__(self, account_id: str) -> ServiceAccount:
        """The account; NotFoundError if there is none."""
        account = await self._accounts.get(account_id)
        if account is None:
            raise NotFoundError(service_account_name(account_id))
        return account
