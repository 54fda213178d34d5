"""The token that a transfer shows with each call, and where the next one comes from."""

import threading
from collections.abc import Callable

from blrcs.transfer.errors import RefusedError

Metadata = tuple[tuple[str, str], ...]
Renew = Callable[[], str]
"""Gets a token that is valid now."""


class Tokens:
    """Shared by all calls; a token that has become invalid is renewed once for all of them.

    Args:
        token: The first one.
        renew: Where the next ones come from; it is called by one thread at a time.
    """

    def __init__(self, token: str, renew: Renew) -> None:
        self._token = token
        self._renew = renew
        self._lock = threading.Lock()

    @property
    def metadata(self) -> Metadata:
        """For a call."""
        return (("authorization", f"Bearer {self._token}"),)

    def replace(self, refused: Metadata) -> None:
        """Gets another one in the place of one that was refused.

        Raises:
            RefusedError: There is no other one.
        """
        with self._lock:
            if self.metadata != refused:
                return
            self._token = self._renew()
            if self.metadata == refused:
                raise RefusedError("the server does not take the token, or no more")
