"""Destroying the keys of a tenant."""

from blrcs.application.ports.encryption import TenantShredder
from blrcs.domain.errors import InvalidArgumentError, NotFoundError
from blrcs.domain.record_name import tenant_in


class ShredTenant:
    """Makes what a tenant has encrypted unreadable, for ever."""

    def __init__(self, *, shredder: TenantShredder) -> None:
        self._shredder = shredder

    async def __call__(self, name: str, *, confirm_name: str, allow_missing: bool) -> int:
        """How many keys were destroyed.

        Args:
            name: ``tenants/{tenant}``.
            confirm_name: The same, or nothing is done.
            allow_missing: A tenant without keys never gets any from now on.

        Raises:
            InvalidArgumentError: ``name`` is no name of a tenant, or was not repeated.
            NotFoundError: The tenant has no keys.
        """
        tenant = tenant_in(name, field="name")
        if confirm_name != name:
            raise InvalidArgumentError("confirm_name", "has to be the tenant's name, as in name")
        count = await self._shredder.shred(tenant, even_without_keys=allow_missing)
        if count is None:
            raise NotFoundError(name)
        return count
