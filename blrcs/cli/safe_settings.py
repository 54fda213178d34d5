"""Settings that a server may start with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blrcs.cli.config import load_or_exit, refused_configuration
from blrcs.config.loading import LoadedSettings, load_settings


def load_safe_settings(**sources: Any) -> LoadedSettings:
    """As load_settings, but refuses what is critical in production.

    Raises:
        ConfigError: Something is wrong, or unsafe; it tells all that was found.
    """
    loaded = load_settings(**sources)
    _refuse_dangers(loaded)
    return loaded


def load_safe_or_exit(
    config_directory: Path | None, config_file: Path | None, flags: Mapping[str, object]
) -> LoadedSettings:
    """As load_or_exit, likewise.

    Raises:
        typer.BadParameter, typer.Exit: As load_or_exit does.
    """
    loaded = load_or_exit(config_directory, config_file, flags)
    with refused_configuration():
        _refuse_dangers(loaded)
    return loaded


def _refuse_dangers(loaded: LoadedSettings) -> None:
    """Elsewhere than in production nothing is looked at."""
    if loaded.settings.environment == "production":
        from blrcs.doctor.examination import refuse_dangers  # noqa: PLC0415 - see the package

        refuse_dangers(loaded)
