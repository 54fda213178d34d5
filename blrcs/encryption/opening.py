"""Finds the master keys that the configuration names."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from blrcs.encryption.local_master_key import EnvironmentMasterKey, FileMasterKey
from blrcs.encryption.master_key import MasterKey, MasterKeyError, MasterKeys
from blrcs.encryption.pkcs11_master_key import open_pkcs11
from blrcs.installed import declared

ENTRY_POINTS = "blrcs.master_keys"
"""The group of adapters that are installed: each a function of the text behind the colon."""


def open_master_keys(
    present: str, older: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> MasterKeys:
    """The keys that such texts name; none of them is read yet.

    Args:
        present: What wraps: ``file:PATH``, ``env:NAME``, ``pkcs11:NAME=VALUE;…``, or the name of an
            entry point with what it takes behind the colon.
        older: What unwraps as well.
        folder: What relative paths start from.
        environment: The variables.

    Raises:
        MasterKeyError: There is no such adapter, or it cannot be used.
    """
    return MasterKeys(
        open_master_key(present, folder, environment),
        [open_master_key(text, folder, environment) for text in older],
    )


def open_master_key(text: str, folder: Path, environment: Mapping[str, str]) -> MasterKey:
    """The key that one text names; see ``open_master_keys``."""
    kind, _, rest = text.partition(":")
    if kind == "file":
        return FileMasterKey(folder / rest)
    if kind == "env":
        return EnvironmentMasterKey(rest, environment)
    if kind == "pkcs11":
        return open_pkcs11(rest, environment)
    return _installed(kind, rest)


def _installed(kind: str, rest: str) -> MasterKey:
    found = tuple(declared(ENTRY_POINTS).select(name=kind))
    if not found:
        known = sorted({"file", "env", "pkcs11"} | {each.name for each in declared(ENTRY_POINTS)})
        raise MasterKeyError(
            f"encryption: there is no master key adapter {kind!r}; there are: {', '.join(known)}"
        )
    try:
        opened: MasterKey = found[0].load()(rest)
    except MasterKeyError:
        raise
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise MasterKeyError(f"encryption: the adapter {kind!r} cannot be used: {said}") from error
    return opened
