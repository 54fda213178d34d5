"""What guards decided, counted by who asked for what where, until somebody takes it."""

from typing import final

@final
class DecisionLog:
    """Decisions by principal, permission and resource; of so many that are different.

    What is new when it is full is dropped, and counted. What an owner may without a permission, and
    what a token's scope rules out, is no decision of the policy. For use under the GIL.
    """

    def __init__(self, capacity: int) -> None: ...
    @property
    def capacity(self) -> int: ...
    @property
    def dropped(self) -> int: ...
    def take(self) -> dict[tuple[str, str, str, bool], int]:
        """How often each was decided since the last time; it begins anew."""
