"""Signing keys that machines have in common, through their database, sealed by the master key."""

import asyncio
import contextlib
from pathlib import Path

import orjson
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.second_factors import SecretSealer
from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.repositories.key_use import KeyDestroyedError, holding
from blrcs.database.repositories.settings import put_if, stored
from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.key_schedule import KeySchedule
from blrcs.security.key_directory import KeyDirectory, StoredKeys
from blrcs.security.key_file import KeyFileError
from blrcs.security.key_manifest import parse_manifest, write_manifest
from blrcs.security.signing_keys import SigningKey

SETTING = "signing_keys"
CONTEXT = (SETTING,)
IN_DATABASE = Path("signing keys in the database")
ROUNDS = 8
"""In each another machine was quicker; few are needed."""

log = structlog.get_logger("blrcs.keys")


class SharedKeys:
    """Keeps the directory of this machine and the database at the same keys.

    Both have all keys that any machine has made, and what is retired in one is in both: it does not
    matter who is quicker. The directory is what the machine goes by, and is changed by people; so a
    database that cannot be reached changes nothing.

    Args:
        directory: Of this machine. Its lock is held for each change.
        database: Of all machines.
        sealer: Opens what another machine has sealed.
        clock: Tells what has expired.
    """

    def __init__(
        self, directory: KeyDirectory, database: DatabaseAdapter, sealer: SecretSealer, clock: Clock
    ) -> None:
        self._directory = directory
        self._database = database
        self._sealer = sealer
        self._clock = clock
        self._seen: tuple[object, bytes | None] | None = None
        self._problem = ""

    async def keep(self) -> None:
        """Settles; to be called now and then. Why keys cannot be used goes to the log, once.

        Raises:
            UnavailableError: The database cannot be reached.
        """
        try:
            await self.settle()
        except (KeyFileError, FailedPreconditionError) as error:
            problem = str(error)
            if problem != self._problem:
                # One line says it all.
                log.error("signing keys cannot be shared", problem=problem)  # noqa: TRY400
        else:
            problem = ""
            if self._problem:
                log.info("signing keys are shared again")
        self._problem = problem

    async def settle(self) -> bool:
        """Takes in what others have changed, and has them know what was changed here.

        False where others were quicker each time, or what it seals with is gone, so that they need
        not know yet.

        Raises:
            KeyFileError: The directory cannot be used.
            FailedPreconditionError: What is in the database cannot be opened.
            UnavailableError: The database cannot be reached.
        """
        for _ in range(ROUNDS):
            sealed = await stored(self._database, SETTING)
            stamp = self._directory.stamp()
            if self._seen == (stamp, sealed):
                return True
            text = None if sealed is None else await self._sealer.open(CONTEXT, sealed)
            keys = await asyncio.to_thread(self._merge, text)
            ours = _written(keys)
            if ours == text:
                self._seen = (self._directory.stamp(), sealed)
                return True
            anew = await self._sealer.seal(CONTEXT, ours)
            with contextlib.suppress(KeyDestroyedError):
                await put_if(self._database, SETTING, sealed, anew, holding(anew))
        return False

    def _merge(self, text: bytes | None) -> StoredKeys:
        others = None if text is None else _read(text, self._directory.overlap_ns)
        return self._directory.merge(others, self._clock())


def _written(keys: StoredKeys) -> bytes:
    """The same for the same keys, in whatever order they were found."""
    raw = {
        kid: key.private_key.private_bytes_raw().hex() for kid, key in sorted(keys.by_kid.items())
    }
    listed = sorted(keys.schedule.keys, key=lambda key: (key.create_time_ns, key.kid))
    return orjson.dumps({"manifest": write_manifest(listed).decode(), "keys": raw})


def _read(text: bytes, overlap_ns: int) -> StoredKeys:
    found = orjson.loads(text)
    keys = parse_manifest(IN_DATABASE, found["manifest"].encode())
    by_kid = {
        kid: SigningKey(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(raw)))
        for kid, raw in found["keys"].items()
    }
    return StoredKeys(KeySchedule(keys, overlap_ns), by_kid)
