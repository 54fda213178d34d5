"""How far a transfer is, in a file that is whole whenever the process is ended."""

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

    Args:
        path: Beside the file that is read or written.
        what: The object's members that say which transfer it is; another one's are refused.
    """

    def __init__(self, path: Path, what: dict[str, Any]) -> None:
        self.path = path
        self._what = orjson.loads(orjson.dumps({"version": VERSION, **what}))
        self._new = path.with_name(f"{path.name}.new")

    def load(self) -> dict[str, Any]:
        """The members beside those that say which transfer it is.

        Raises:
            TransferError: There is none to go on with.
        """
        found: dict[str, Any]
        try:
            with self.path.open("rb") as file:
                found = orjson.loads(file.read(MAX_BYTES))
        except FileNotFoundError:
            raise TransferError(f"there is no {self.path}, and so nothing to resume") from None
        except orjson.JSONDecodeError:
            raise TransferError(f"{self.path} is not what a transfer has written") from None
        for name, value in self._what.items():
            if not isinstance(found, dict) or found.pop(name, None) != value:
                raise TransferError(
                    f"{self.path} is about another transfer: {name} is not the same"
                )
        return found

    def require_none(self) -> None:
        """Raises TransferError where a transfer was begun and not finished."""
        if self.path.exists():
            raise TransferError(
                f"{self.path} is there: a transfer was not finished. --resume goes on with it,"
                " --restart begins anew"
            )

    def save(self, members: dict[str, Any]) -> None:
        """Replaces the file."""
        content = orjson.dumps({**self._what, **members})
        replace_file(self.path, content, draft=self._new, mode=MODE)

    def remove(self) -> None:
        """The transfer is finished, or begins anew."""
        self.path.unlink(missing_ok=True)
        self._new.unlink(missing_ok=True)
