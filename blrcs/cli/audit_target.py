"""The audit log that the configuration names, as ``blrcs audit`` works on it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from blrcs.cli.config import load_or_exit
from blrcs.cli.exit import fail
from blrcs.monitoring.log_values import escape

if TYPE_CHECKING:
    from blrcs.audit.checkpoint import PublicAuditKeys
    from blrcs.audit.reading import AuditReader
    from blrcs.config.settings import Settings
    from blrcs.security.signing_keys import SigningKey

DataFolder = Annotated[
    Path | None, typer.Option("--data", help="The data directory of the server.")
]


Keys = Annotated[
    list[Path] | None,
    typer.Option("--key", help="A file of public keys; by default the server's own is trusted."),
]
Trails = Annotated[
    list[Path] | None,
    typer.Option(
        "--trail",
        help="A folder with chains, such as a backup or a copy of another machine's; instead of the"
        " server's own, and may be repeated.",
    ),
]


def data_directory_of(
    config_directory: Path | None,
    config_file: Path | None,
    environment: str | None,
    data_directory: Path | None,
) -> Path:
    """The one that the configuration names; ends the command where that is wrong."""
    return settings_of(config_directory, config_file, environment, data_directory).data_directory


def settings_of(
    config_directory: Path | None,
    config_file: Path | None,
    environment: str | None,
    data_directory: Path | None,
) -> "Settings":
    """Reads the configuration as ``blrcs serve`` does; ends the command where it is wrong."""
    flags: dict[str, Any] = {
        "environment": environment,
        "data_directory": None if data_directory is None else str(data_directory),
    }
    return load_or_exit(config_directory, config_file, flags).settings


def chains_of(directory: Path) -> Path:
    """Where the chains lie; ends the command where there are none."""
    from blrcs.audit.segments import FOLDER  # noqa: PLC0415 - see the package

    folder = directory / FOLDER
    if not folder.is_dir():
        fail(f"{escape(str(folder))}: there is no audit log")
    return folder


def trails_of(directory: Path, trails: list[Path] | None) -> list[Path]:
    """Where the chains lie that a command is about; ends it where there are none."""
    from blrcs.audit.segments import FOLDER, chains_in  # noqa: PLC0415 - see the package

    if not trails:
        return [chains_of(directory)]
    found = [each / FOLDER if (each / FOLDER).is_dir() else each for each in trails]
    for each in found:
        if not each.is_dir() or not chains_in(each):
            fail(f"{escape(str(each))}: there is no audit log")
    return found


def reader_of(directory: Path, trails: list[Path] | None = None) -> "AuditReader":
    """Reads the chains; ends the command where there are none."""
    from blrcs.audit.reading import AuditReader  # noqa: PLC0415 - see the package

    return AuditReader(*trails_of(directory, trails))


def own_key(directory: Path) -> "SigningKey":
    """The server's own; ends the command where it cannot be read."""
    from blrcs.audit.segments import KEY_FILE  # noqa: PLC0415 - see the package
    from blrcs.security.key_file import KeyFileError  # noqa: PLC0415
    from blrcs.security.signing_keys import load_signing_key  # noqa: PLC0415

    try:
        return load_signing_key(directory / KEY_FILE)
    except KeyFileError as error:
        fail(escape(str(error)))


def trusted_keys(paths: list[Path] | None, directory: Path) -> "PublicAuditKeys":
    """Those in files, or the server's own; ends the command where they cannot be read."""
    from blrcs.audit.checkpoint import PublicAuditKeys  # noqa: PLC0415 - see the package

    if not paths:
        return PublicAuditKeys.of_jwks(own_key(directory).jwks())
    jwks = []
    for path in paths:
        try:
            jwks += orjson.loads(path.read_bytes())["keys"]
            PublicAuditKeys.of_jwks(jwks)
        except OSError as error:
            fail(f"{escape(str(path))}: {error.strerror}")
        except (ValueError, KeyError, TypeError, AttributeError):
            fail(f"{escape(str(path))}: is no set of public keys, as `blrcs audit key` prints it")
    return PublicAuditKeys.of_jwks(jwks)
