"""Puts encryption together."""

import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from blrcs.api.encryption_service import EncryptionService
from blrcs.application.encryption.shred_tenant import ShredTenant
from blrcs.assembly.foundation import Foundation
from blrcs.config.encryption import Encryption as EncryptionSection
from blrcs.encryption.data_keys import DataKeys
from blrcs.encryption.key_problems import KeyProblems
from blrcs.encryption.key_store import KeyStore
from blrcs.encryption.opening import open_master_keys
from blrcs.encryption.sealer import Sealer
from blrcs.encryption.shredding import StoredTenantShredder


@dataclass(frozen=True, slots=True)
class Encryption:
    """The keys, and what is to be told when they have changed."""

    keys: DataKeys
    on_change: list[Callable[[], None]]

    def sealer(self, name: str) -> Sealer:
        """Seals what a part of the server keeps, under keys of that part alone."""
        return Sealer(self.keys, name)

    def service(self, base: Foundation) -> EncryptionService:
        """What is served. Who has shredded does not wait for the next look, nor do others."""

        async def tell() -> None:
            base.announce()
            await self.look()

        shredder = StoredTenantShredder(base.database, tell)
        return EncryptionService(shred_tenant=ShredTenant(shredder=shredder))

    async def look(self) -> None:
        """Has copies of keys, and of what they encrypt, forgotten where keys have changed."""
        if await self.keys.look():
            for each in self.on_change:
                each()


async def assemble_encryption(
    base: Foundation, settings: EncryptionSection, stack: AsyncExitStack
) -> Encryption:
    """The keys; ``stack`` closes what keeps the master key.

    Raises:
        MasterKeyError: The master key cannot be used, or the database has encrypted fields and it
            is missing, or another one. Nothing has been touched.
    """
    masters = open_master_keys(
        settings.master_key, settings.older_master_keys, base.data_directory, os.environ
    )
    stack.push_async_callback(masters.close)
    keys = DataKeys(KeyStore(base.database), masters, base.clock, problems=KeyProblems())
    await keys.check()
    return Encryption(keys, [])
