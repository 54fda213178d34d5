"""The keys that the configuration names, as ``blrcs encryption`` works on them."""

import asyncio
import os
import re
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from blrcs.cli.db_target import Target, told
from blrcs.cli.exit import fail
from blrcs.monitoring.log_values import escape

if TYPE_CHECKING:
    from blrcs.database.adapter import DatabaseAdapter
    from blrcs.encryption.data_keys import DataKeys
    from blrcs.encryption.master_key import MasterKeys

Result = TypeVar("Result")
TENANT = re.compile(r"tenants/([a-z0-9][a-z0-9._-]{0,63})")
TenantName = Annotated[str, typer.Argument(metavar="tenants/TENANT", help="The tenant.")]


@dataclass(frozen=True, slots=True)
class OpenKeys:
    """An open database and its keys."""

    database: "DatabaseAdapter"
    masters: "MasterKeys"
    keys: "DataKeys"


def with_keys(
    target: Target, work: Callable[[OpenKeys], Coroutine[Any, Any, Result]], before: str = ""
) -> Result:
    """Runs it on the database; one line ends the command where it, or the master key, is wrong.

    The line begins with what went ``before``.
    """
    from blrcs.domain.errors import FailedPreconditionError  # noqa: PLC0415 - see the package
    from blrcs.encryption.master_key import MasterKeyError  # noqa: PLC0415

    with told(before):
        try:
            return asyncio.run(_run(target, work))
        except MasterKeyError as error:
            fail(before + escape(str(error)))
        except FailedPreconditionError as error:
            if not isinstance(error.__cause__, MasterKeyError):
                raise
            # Callers of a server are not told so much.
            fail(before + escape(f"{error.message}: {error.__cause__}"))


async def _run(target: Target, work: Callable[[OpenKeys], Coroutine[Any, Any, Result]]) -> Result:
    from blrcs.database.kind import kind_of, open_database  # noqa: PLC0415 - see the package
    from blrcs.database.migrations.starting import bring_up_to_date  # noqa: PLC0415
    from blrcs.database.pool import PoolLimits  # noqa: PLC0415
    from blrcs.encryption.data_keys import DataKeys  # noqa: PLC0415
    from blrcs.encryption.key_store import KeyStore  # noqa: PLC0415
    from blrcs.encryption.opening import open_master_keys  # noqa: PLC0415

    target.require_file()
    await bring_up_to_date(kind_of(target.url).road(target.url), only_check=True)
    settings = target.settings.encryption
    masters = open_master_keys(
        settings.master_key,
        settings.older_master_keys,
        target.settings.data_directory,
        os.environ,
    )
    limits = PoolLimits(size=2, overflow=0)
    try:
        async with open_database(target.url, migrate=False, limits=limits) as (database, _):
            keys = DataKeys(KeyStore(database), masters, time.time_ns)
            await keys.check()
            return await work(OpenKeys(database, masters, keys))
    finally:
        await masters.close()


def tenant_of(name: str) -> str:
    """The id in a tenant's name; ends the command where it is none."""
    found = TENANT.fullmatch(name)
    if found is None:
        raise typer.BadParameter(f"{name!r} is no name of a tenant: tenants/TENANT")
    return found[1]
