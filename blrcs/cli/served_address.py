"""Where a server serves, as it says itself to other programs of its machine.

It may have been started with other options than are in effect where one asks for it, and its
configuration may have changed since.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

NAME = "address"
FILE_MODE = 0o600
MAX_BYTES = 4_096
OF_ALL = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - not listened on
"""Of every address that a server listens on, the one that it is asked at."""


@contextmanager
def told(directory: Path, addresses: Sequence[str]) -> Iterator[None]:
    """Has the file in the data directory tell it meanwhile. Whoever holds the directory may.

    Args:
        directory: The data directory.
        addresses: Where it serves, each with what protects it, as the program prints them.
    """
    import structlog  # noqa: PLC0415 - see the package's docstring

    path = directory.absolute() / NAME
    draft = path.with_suffix(".new")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(draft, flags, FILE_MODE), "w", encoding="utf-8") as file:
            file.write(f"{nearest(addresses)}\n")
        draft.replace(path)
    except OSError as error:
        # The server serves all the same; who asks for it looks into the configuration then.
        log = structlog.get_logger("blrcs.cli")
        log.warning("cannot write where it serves", path=str(path), error=error.strerror)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()


def read(directory: Path) -> str | None:
    """Where the server of a data directory serves; None if it does not say."""
    try:
        with (directory / NAME).open("rb") as file:
            return file.read(MAX_BYTES).decode("utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def nearest(addresses: Sequence[str]) -> str:
    """Where a server is reached from its own machine: by its Unix socket if it has one."""
    plain = [each.rpartition(" (")[0] or each for each in addresses]
    own = next((each for each in plain if each.startswith("unix:")), plain[0])
    if own.startswith("unix:"):
        return own
    host, _, port = own.rpartition(":")
    return f"{OF_ALL.get(host, host)}:{port}"
