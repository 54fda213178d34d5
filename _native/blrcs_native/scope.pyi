"""What a token may be used for: some of the permissions that its principal holds."""

from collections.abc import Iterable
from typing import final

@final
class PermissionScope:
    """Patterns of permissions, as roles have them: ``orders.read``, ``orders.*`` and ``*``.

    Immutable. What is no pattern allows nothing.
    """

    def __init__(self, patterns: Iterable[str]) -> None: ...
    def allows(self, permission: str) -> bool:
        """Whether a permission is among them."""
