"""Files that hold secrets, and who else can read them."""

import itertools
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from blrcs.config.doctor import Check
from blrcs.config.option import FILE_SUFFIX, all_options
from blrcs.config.settings import Settings
from blrcs.doctor.finding import Finding, Severity

MAX_FILES = 10_000


def examine_files(
    settings: Settings, provenance: Mapping[str, str], environ: Mapping[str, str]
) -> Iterator[Finding]:
    """The data directory, the key of the certificate, and wherever a secret is configured.

    Args:
        settings: The values in effect.
        provenance: Where each option's value comes from, see LoadedSettings.
        environ: The variables that were read.
    """
    yield from _examine_data(settings.data_directory)
    for key, path in _configured(settings, provenance, environ):
        yield from _examine("secret-files", key, path)


def _examine_data(directory: Path) -> Iterator[Finding]:
    found = list(_examine("key-files", "data_directory", directory))
    yield from found
    if not found:
        return  # nobody else comes to what lies in it
    for path in itertools.islice(_files_below(directory), MAX_FILES):
        yield from _examine("key-files", "data_directory", path)


def _files_below(directory: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(directory):
        yield from (Path(folder, name) for name in sorted(names))


def _configured(
    settings: Settings, provenance: Mapping[str, str], environ: Mapping[str, str]
) -> Iterator[tuple[str, Path]]:
    """Where secrets are read from, and the option that says so."""
    if settings.server.tls.key_file is not None:
        yield "server.tls.key_file", settings.server.tls.key_file
    for key, option in all_options().items():
        if not option.secret:
            continue
        if name := environ.get(option.variable + FILE_SUFFIX):
            yield key, Path(name)
        file, _, line = provenance.get(key, "").rpartition(":")
        if line.isdigit():
            yield key, Path(file)


def _examine(check: Check, key: str, path: Path) -> Iterator[Finding]:
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # whoever needs it says so
    others = mode & (stat.S_IROTH | stat.S_IWOTH)
    if others or mode & (stat.S_IRGRP | stat.S_IWGRP):
        yield Finding(
            check=check,
            severity=Severity.CRITICAL if others else Severity.WARNING,
            key=key,
            problem=f"{path} is open to {'everybody' if others else 'its group'}",
            remedy=f"chmod {'700' if stat.S_ISDIR(mode) else '600'} it",
        )
