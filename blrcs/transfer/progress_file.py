"""How far a transfer is, in a file that is whole whenever the process is ended."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from blrcs.files import replace_file
from blrcs.transfer.errors import TransferError

MODE = 0o600
"""Of what a transfer writes: it shows in the clear what is encrypted where it comes from."""

VERSION = 1
MAX_BYTES = 1 << 20


class ProgressFile:
    """A JSON object that is replaced as a whole, and is durable before the transfer goes on.

    Beside it may be a later one, which outlives the process, and of which nothing is known where
    the machine has failed.

    Args:
        path: Beside the file that is read or written.
        what: The object's members that say which transfer it is; another one's are refused.
    """

    def __init__(self, path: Path, what: dict[str, Any]) -> None:
        self.path = path
        self._what = orjson.loads(orjson.dumps({"version": VERSION, **what}))
        self._new = path.with_name(f"{path.name}.new")
        self._noted = path.with_name(f"{path.name}.noted")

    def is_at(self, path: Path) -> bool:
        """Whether a path is that of a file that belongs to it."""
        return path.resolve() in {each.resolve() for each in (self.path, self._new, self._noted)}

    def load(self) -> dict[str, Any]:
        """The members beside those that say which transfer it is.

        Raises:
            TransferError: There is none to go on with.
        """
        try:
            return self._read(self.path)
        except FileNotFoundError:
            raise TransferError(f"there is no {self.path}, and so nothing to resume") from None

    def noted(self) -> dict[str, Any] | None:
        """What was noted last, which may be older than what is loaded; None where it is lost."""
        try:
            return self._read(self._noted)
        except (OSError, TransferError):
            return None

    def require_none(self) -> None:
        """Raises TransferError where a transfer was begun and not finished."""
        if self.path.exists():
            raise TransferError(
                f"{self.path} is there: a transfer was not finished. --resume goes on with it,"
                " --restart begins anew"
            )
        # Of a transfer that was killed when it was finished.
        self._noted.unlink(missing_ok=True)

    def save(self, members: dict[str, Any]) -> None:
        """Replaces the file; it is on the disk then."""
        replace_file(self.path, self._content(members), draft=self._new, mode=MODE)

    def note(self, members: dict[str, Any]) -> None:
        """Puts something beside the file without waiting for the disk, where there is room."""
        with suppress(OSError):
            replace_file(
                self._noted, self._content(members), draft=self._new, mode=MODE, is_durable=False
            )

    def remove(self) -> None:
        """The transfer is finished, or begins anew."""
        for each in (self.path, self._noted, self._new):
            each.unlink(missing_ok=True)

    def _content(self, members: dict[str, Any]) -> bytes:
        return orjson.dumps({**self._what, **members})

    def _read(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any]
        with path.open("rb") as file:
            content = file.read(MAX_BYTES)
        try:
            found = orjson.loads(content)
        except orjson.JSONDecodeError:
            raise TransferError(f"{path} is not what a transfer has written") from None
        for name, value in self._what.items():
            if not isinstance(found, dict) or found.pop(name, None) != value:
                raise TransferError(f"{path} is about another transfer: {name} is not the same")
        return found
