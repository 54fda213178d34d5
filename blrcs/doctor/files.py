"""Files that hold secrets, and those that the server goes by: who else can read or write them."""

import itertools
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from blrcs.config.doctor import Check
from blrcs.config.option import FILE_SUFFIX, all_options
from blrcs.config.settings import Settings
from blrcs.doctor.finding import Finding, Severity

MAX_FILES = 10_000
READ_BITS = stat.S_IRGRP | stat.S_IROTH
WRITE_BITS = stat.S_IWGRP | stat.S_IWOTH


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
    for path, key in _gone_by(settings, provenance).items():
        yield from _examine("config-files", key, path, WRITE_BITS)


def _examine_data(directory: Path) -> Iterator[Finding]:
    yield from _examine("key-files", "data_directory", directory)
    for path in itertools.islice(_reached(directory), MAX_FILES):
        yield from _examine("key-files", "data_directory", path)


def _reached(directory: Path) -> Iterator[Path]:
    """What others come to in a directory: whoever may enter it needs only to know a name."""
    waiting = [directory]
    while waiting:
        folder = waiting.pop()
        try:
            if not folder.stat().st_mode & (stat.S_IXGRP | stat.S_IXOTH):
                continue
            paths = sorted(folder.iterdir())
        except OSError:
            continue
        yield from paths
        waiting += [path for path in paths if path.is_dir() and not path.is_symlink()]


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


def _gone_by(settings: Settings, provenance: Mapping[str, str]) -> Mapping[Path, str]:
    """Files that decide what the server does or whom it believes, and an option of each."""
    files: dict[Path, str] = {}
    for key, place in provenance.items():
        file, _, line = place.rpartition(":")
        if line.isdigit():
            files.setdefault(Path(file), key)
    tls = settings.server.tls
    named = {"server.tls.client_ca_file": tls.client_ca_file}
    named["server.tls.client_crl_file"] = tls.client_crl_file
    named |= {
        f"auth.issuers[{number}].ca_file": issuer.ca_file
        for number, issuer in enumerate(settings.auth.issuers)
    }
    for key, path in named.items():
        if path is not None:
            files.setdefault(path, key)
    return files


def _examine(
    check: Check, key: str, path: Path, bits: int = READ_BITS | WRITE_BITS
) -> Iterator[Finding]:
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # whoever needs it says so
    found = mode & bits
    others = found & stat.S_IRWXO
    if found:
        whom = "everybody" if others else "its group"
        is_written = bits == WRITE_BITS
        own = "700" if stat.S_ISDIR(mode) else "600"
        yield Finding(
            check=check,
            severity=Severity.CRITICAL if others else Severity.WARNING,
            key=key,
            problem=f"{path} {'can be changed by' if is_written else 'is open to'} {whom}",
            remedy=f"chmod {'go-w' if is_written else own} it",
        )
