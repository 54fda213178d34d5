"""Files that hold secrets, and those that the server goes by: who else can read or write them."""

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
READ_BITS = stat.S_IRGRP | stat.S_IROTH
WRITE_BITS = stat.S_IWGRP | stat.S_IWOTH
ENTER_BITS = stat.S_IXGRP | stat.S_IXOTH


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
    named = _gone_by(settings, provenance)
    for path, key in named.items():
        yield from _examine("config-files", key, path, WRITE_BITS)
    folders = {path.absolute().parent: key for path, key in reversed([*named.items()])}
    for path, key in folders.items():
        if _is_changeable(path):
            yield from _examine("config-files", key, path, WRITE_BITS)


def _examine_data(directory: Path) -> Iterator[Finding]:
    yield from _examine("key-files", "data_directory", directory)
    reached, is_all = _reached(directory)
    for path, by_everybody in reached:
        yield from _examine("key-files", "data_directory", path, by_everybody=by_everybody)
    if not is_all:
        yield Finding(
            check="key-files",
            severity=Severity.WARNING,
            key="data_directory",
            problem=f"{directory} has more files that others come to than the {MAX_FILES} that"
            " were looked at",
            remedy="chmod 700 it",
        )


def _reached(directory: Path) -> tuple[list[tuple[Path, bool]], bool]:
    """What others come to in a directory, and whether everybody does, not its group alone.

    Whoever may enter a directory needs only to know a name. Directories elsewhere, to which links
    lead, are not its own. Not all of it, as the second value tells, where there is too much.
    """
    reached: list[tuple[Path, bool]] = []
    waiting = [(directory, True)]
    while waiting:
        folder, by_everybody = waiting.pop()
        left = MAX_FILES - len(reached)
        try:
            mode = folder.stat().st_mode
            if not mode & ENTER_BITS:
                continue
            with os.scandir(folder) as entries:
                taken = sorted(itertools.islice(entries, left + 1), key=lambda entry: entry.name)
        except OSError:
            continue
        by_everybody = by_everybody and bool(mode & stat.S_IXOTH)
        for entry in taken[:left]:
            is_folder = _is_folder(entry)
            if is_folder and entry.is_symlink():
                continue
            reached.append((Path(entry.path), by_everybody))
            if is_folder:
                waiting.append((Path(entry.path), by_everybody))
        if len(taken) > left:
            return reached, False
    return reached, True


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads round, or to where this process may not go
        return False


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
    encryption = settings.encryption
    for each in encryption.older_master_keys:
        yield from _of_master_key("encryption.older_master_keys", each, settings, environ)
    yield from _of_master_key("encryption.master_key", encryption.master_key, settings, environ)


def _of_master_key(
    key: str, place: str, settings: Settings, environ: Mapping[str, str]
) -> Iterator[tuple[str, Path]]:
    kind, _, rest = place.partition(":")
    if kind == "env" and (name := environ.get(rest + FILE_SUFFIX)):
        yield key, Path(name)
    elif kind == "pkcs11":
        parts = dict(part.partition("=")[::2] for part in rest.split(";"))
        if name := parts.get("pin-file"):
            yield key, Path(name)
    elif kind == "file":
        path = settings.data_directory / rest
        # Who comes to what is in the data directory is looked at already.
        if not path.is_relative_to(settings.data_directory):
            yield key, path


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


def _is_changeable(folder: Path) -> bool:
    """Whether who may write a folder can put another file in the place of one that is not theirs.

    A mounted configuration may be writable by its bits and still be read-only.
    """
    try:
        is_sticky = folder.stat().st_mode & stat.S_ISVTX
        return not is_sticky and not os.statvfs(folder).f_flag & os.ST_RDONLY
    except OSError:
        return False


def _examine(
    check: Check,
    key: str,
    path: Path,
    bits: int = READ_BITS | WRITE_BITS,
    *,
    by_everybody: bool = True,
) -> Iterator[Finding]:
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # whoever needs it says so
    found = mode & bits
    others = by_everybody and found & stat.S_IRWXO
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
