"""The key that all others are wrapped by: whether a server would start with it."""

import asyncio
from collections.abc import Iterator, Mapping

from blrcs.config.settings import Settings
from blrcs.doctor.finding import Finding, Severity
from blrcs.domain.errors import UnavailableError
from blrcs.encryption.known_master import KnownMaster, require_known
from blrcs.encryption.master_key import MasterKeyError
from blrcs.encryption.opening import open_master_keys


def examine_master_key(
    settings: Settings, known: KnownMaster, environ: Mapping[str, str]
) -> Iterator[Finding]:
    """What a start says of the master keys; none is made. Not for the event loop.

    Args:
        settings: The values in effect.
        known: What the database knows.
        environ: The variables.
    """
    try:
        asyncio.run(_require(settings, known, environ))
    except MasterKeyError as error:
        problem = str(error)
    except UnavailableError as error:
        problem = error.message
    else:
        return
    yield Finding(
        check="master-key",
        severity=Severity.CRITICAL,
        key="encryption.master_key",
        problem=problem,
        remedy="put it right: no server starts so, whatever doctor.accept says",
    )


async def _require(settings: Settings, known: KnownMaster, environ: Mapping[str, str]) -> None:
    encryption = settings.encryption
    masters = open_master_keys(
        encryption.master_key, encryption.older_master_keys, settings.data_directory, environ
    )
    try:
        await require_known(masters, known)
    finally:
        await masters.close()
