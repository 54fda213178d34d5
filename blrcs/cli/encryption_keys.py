"""``blrcs encryption`` on keys."""

import secrets
from pathlib import Path
from typing import Annotated, Any

import typer

from blrcs.cli.audit_command import record_command
from blrcs.cli.config import ConfigDirectory, ConfigFile, EnvironmentName
from blrcs.cli.db_target import DataFolder, Json, find_target, print_json, print_table
from blrcs.cli.encryption_target import OpenKeys, TenantName, tenant_of, with_keys
from blrcs.cli.exit import fail
from blrcs.monitoring.log_values import escape

KEY_BYTES = 32
SERVER = "-"


def new_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where it shall lie.")],
) -> None:
    """Make a new master key, in a file that only its owner may read."""
    from blrcs.security.key_file import KeyFileError, create_key_file  # noqa: PLC0415

    if file.exists():
        fail(f"{escape(str(file))}: is there already")
    try:
        create_key_file(file, secrets.token_bytes(KEY_BYTES).hex().encode() + b"\n")
    except KeyFileError as error:
        fail(escape(str(error)))
    typer.echo(f"Made {file}.")


def status(
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    data_directory: DataFolder = None,
    *,
    json: Json = False,
) -> None:
    """Show which keys there are, and what wraps them; nothing secret is shown."""
    found = find_target(config_directory, config_file, environment, data_directory)
    keys, position = with_keys(found, _status)
    if json:
        print_json({"keys": keys, "reencryption": position})
        return
    titles = ("tenant", "collection", "purpose", "version", "id", "state", "wrapped by")
    print_table(titles, [tuple(str(value) for value in key.values()) for key in keys])
    if position is not None:
        typer.echo(f"Reencryption has come to {position['tenant']}/{position['collection']}.")


def rotate_master(
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    data_directory: DataFolder = None,
) -> None:
    """Have the present master key wrap what older ones have wrapped.

    All servers have to know both by then: the new one as encryption.master_key, the old one among
    encryption.older_master_keys. When this is done, nothing needs the old one any more.
    """
    found = find_target(config_directory, config_file, environment, data_directory)
    record_command(found.settings, "blrcs encryption rotate-master", "")
    count = with_keys(found, lambda opened: _rotation(opened).rotate_master())
    typer.echo(f"Wrapped {count} keys anew.")


def rotate_data(
    tenant: TenantName,
    collection: Annotated[
        str, typer.Option("--collection", help="One of its collections; by default all.")
    ] = "",
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    data_directory: DataFolder = None,
) -> None:
    """Give a tenant's collections new keys; what is encrypted stays so until `reencrypt`."""
    found = find_target(config_directory, config_file, environment, data_directory)
    tenant_id = tenant_of(tenant)
    within = f"{tenant}/collections/{collection}" if collection else tenant
    record_command(found.settings, "blrcs encryption rotate-data", within)
    scopes = with_keys(found, lambda opened: _rotation(opened).rotate_data(tenant_id, collection))
    if not scopes:
        fail(f"{tenant} has nothing encrypted" + (f" in {collection}" if collection else ""))
    for scope in scopes:
        typer.echo(f"Rotated {scope.name}.")


def rotate_server(
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    data_directory: DataFolder = None,
) -> None:
    """Give the server new keys for what it keeps secret itself, such as second factors.

    What is encrypted stays so until `reencrypt`.
    """
    found = find_target(config_directory, config_file, environment, data_directory)
    record_command(found.settings, "blrcs encryption rotate-server", "")
    scopes = with_keys(found, _rotate_server)
    if not scopes:
        fail("the server has nothing encrypted of its own")
    for scope in scopes:
        typer.echo(f"Rotated the server's {scope.collection}.")


def shred_tenant(
    tenant: TenantName,
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    data_directory: DataFolder = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Destroy a tenant's keys, and with them for ever what it has encrypted.

    What is not encrypted stays. The tenant cannot encrypt anything again.
    """
    found = find_target(config_directory, config_file, environment, data_directory)
    tenant_id = tenant_of(tenant)
    if not yes:
        typer.confirm(f"What {tenant} has encrypted will be lost for ever. Go on?", abort=True)
    record_command(found.settings, "blrcs encryption shred-tenant", tenant)
    count = with_keys(found, lambda opened: _shred(opened, tenant_id))
    typer.echo(f"Destroyed {count} keys of {tenant}.")


def _rotation(opened: OpenKeys) -> Any:
    from blrcs.encryption.rotation import KeyRotation  # noqa: PLC0415 - see the package

    return KeyRotation(opened.database, opened.masters, opened.keys)


async def _rotate_server(opened: OpenKeys) -> Any:
    from blrcs.database.repositories.key_use import SERVER as OF_SERVER  # noqa: PLC0415 - see the package

    return await _rotation(opened).rotate_data(OF_SERVER)


async def _shred(opened: OpenKeys, tenant: str) -> int:
    from blrcs.encryption.shredding import StoredTenantShredder  # noqa: PLC0415 - see the package

    return await StoredTenantShredder(opened.database).shred(tenant) or 0


async def _status(opened: OpenKeys) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    from dataclasses import asdict  # noqa: PLC0415 - see the package

    from blrcs.encryption.key_store import KeyStore  # noqa: PLC0415
    from blrcs.encryption.reencryption import Reencryption  # noqa: PLC0415

    keys = [
        {
            "tenant": key.scope.tenant or SERVER,
            "collection": key.scope.collection or SERVER,
            "purpose": key.purpose.name.lower(),
            "version": key.version,
            "id": key.key_id.hex(),
            "state": key.state.name.lower(),
            "wrapped_by": key.wrapped_by,
        }
        for key in await KeyStore(opened.database).all()
    ]
    position = await Reencryption(opened.database, opened.keys).position()
    return keys, None if position is None else asdict(position)
