"""The signing keys that the configuration names, as ``blrcs keys`` works on them."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blrcs.cli.db_target import Target
from blrcs.cli.db_target import told as database_told
from blrcs.cli.encryption_target import OpenKeys, with_keys
from blrcs.cli.exit import fail
from blrcs.config.auth import Auth
from blrcs.monitoring.log_values import escape

if TYPE_CHECKING:
    from blrcs.domain.key_schedule import KeySchedule
    from blrcs.security.key_directory import KeyDirectory

CONFIRMATION_TIMEOUT_S = 30.0
LOOK_PERIOD_S = 0.02


@dataclass(frozen=True, slots=True)
class KeysTarget:
    """The keys in a data directory, and the database of its server."""

    target: Target
    directory: "KeyDirectory"

    @property
    def auth(self) -> Auth:
        """How long tokens live."""
        return self.target.settings.auth

    def schedule(self) -> "KeySchedule":
        """The keys as they are; none are made."""
        if not self.directory.is_made:
            fail(
                f"{escape(str(self.directory.path))}: there are no keys; name its folder by --data"
            )
        return self.directory.read().schedule

    def put_in_force(self, kid: str) -> bool:
        """Returns once all that the key signed is refused; False where a server does not do so.

        A server that runs here says so by storing it. Where none does, it is stored here, for those
        that share the database.
        """
        from blrcs.security.key_directory import is_in_use  # noqa: PLC0415 - see the package

        running = is_in_use(self.target.settings.data_directory)
        return asyncio.run(self._put_in_force(kid, wait=running))

    def share(self, before: str) -> None:
        """Has the machines that share keys know of a change; where a server runs here, it does.

        Ends the command where that cannot be; what it says begins with what went ``before``.
        """
        from blrcs.security.key_directory import is_in_use  # noqa: PLC0415 - see the package

        if self.auth.keys != "database" or is_in_use(self.target.settings.data_directory):
            return
        with told(before):
            if not with_keys(self.target, self._share, before):
                fail(f"{before}others change keys all the time")

    async def _share(self, opened: OpenKeys) -> bool:
        from blrcs.encryption.sealer import Sealer  # noqa: PLC0415 - see the package
        from blrcs.encryption.stored_key import SIGNING_KEYS  # noqa: PLC0415
        from blrcs.security.shared_keys import SharedKeys  # noqa: PLC0415

        sealer = Sealer(opened.keys, SIGNING_KEYS)
        return await SharedKeys(self.directory, opened.database, sealer, time.time_ns).settle()

    async def _put_in_force(self, kid: str, *, wait: bool) -> bool:
        from blrcs.assembly.signing import key_revocation  # noqa: PLC0415 - see the package
        from blrcs.database.kind import open_database  # noqa: PLC0415
        from blrcs.database.pool import PoolLimits  # noqa: PLC0415
        from blrcs.database.repositories.revocation import (  # noqa: PLC0415
            is_stored,
            store_revocation,
        )

        revocation = key_revocation(self.auth, kid, time.time_ns())
        limits = PoolLimits(size=1)
        async with open_database(self.target.url, migrate=not wait, limits=limits) as (database, _):
            if not wait:
                await database.run(lambda each: store_revocation(each, revocation))
                return True
            end_s = time.monotonic() + CONFIRMATION_TIMEOUT_S
            while time.monotonic() < end_s:
                if await database.run(lambda each: is_stored(each, revocation), read_only=True):
                    return True
                await asyncio.sleep(LOOK_PERIOD_S)
        return False


def keys_in(target: Target) -> KeysTarget:
    """The keys of the server that the configuration describes."""
    from blrcs.security.key_directory import KeyDirectory  # noqa: PLC0415 - see the package

    settings = target.settings
    directory = KeyDirectory(settings.data_directory, overlap_ns=settings.auth.longest_token_ns)
    return KeysTarget(target, directory)


@contextmanager
def told(before: str = "") -> Iterator[None]:
    """Has keys and databases that cannot be used end the command, as ``db_target.told`` does."""
    from blrcs.security.key_file import KeyFileError  # noqa: PLC0415 - see the package

    with database_told(before):
        try:
            yield
        except KeyFileError as error:
            fail(before + escape(str(error)))
