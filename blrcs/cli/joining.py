"""What a process of ``blrcs serve`` takes over from its supervisor."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from blrcs.cli.safe_settings import load_safe_or_exit, load_safe_settings
from blrcs.config.loading import LoadedSettings

if TYPE_CHECKING:
    from blrcs.workers.handover import Handover


def settings_of(
    handover: "Handover",
) -> tuple[LoadedSettings, Callable[[], LoadedSettings]]:
    """The settings, from the sources that the supervisor has; and what reads them anew."""
    directory = None if handover.config_directory is None else Path(handover.config_directory)
    file = None if handover.config_file is None else Path(handover.config_file)
    load = partial(
        load_safe_settings, config_directory=directory, config_file=file, flags=handover.flags
    )
    loaded = load_safe_or_exit(directory, file, handover.flags)
    return handover.pinned(loaded), lambda: handover.pinned(load())
