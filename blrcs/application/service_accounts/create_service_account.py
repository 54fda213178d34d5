"""Creating a service account."""

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator
from blrcs.application.ports.identity import ServiceAccountRepository
from blrcs.application.service_accounts.service_account_fields import ServiceAccountFields
from blrcs.domain.service_account import ServiceAccount


class CreateServiceAccount:
    """Creates a service account."""

    def __init__(
        self, *, accounts: ServiceAccountRepository, secrets: SecretGenerator, clock: Clock
    ) -> None:
        self._accounts = accounts
        self._secrets = secrets
        self._clock = clock

    async def __call__(self, account_id: str, fields: ServiceAccountFields) -> ServiceAccount:
        """The account created, under a made-up id if none is given.

        Raises:
            AlreadyExistsError: The id is taken.
        """
        now_ns = self._clock()
        account = ServiceAccount(
            id=account_id or self._secrets.resource_id(),
            display_name=fields.display_name,
            disabled=fields.disabled,
            create_time_ns=now_ns,
            update_time_ns=now_ns,
        )
        await self._accounts.add(account)
        return account
