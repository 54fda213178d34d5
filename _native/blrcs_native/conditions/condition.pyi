"""When a binding counts: a checked expression, as a tree that answers for one call."""

from typing import Literal, final

from blrcs_native.calls.call import Call

class Node:
    """A part of an expression: gives a value, an error, or that only the request can tell."""

@final
class Condition:
    """What a binding asks of a call. Two are the same where they are one object.

    One that ``reads_message`` is judged with the whole request; ``reads_groups`` says whether the
    caller's groups have to be put together. For use under the GIL.
    """

    def __init__(
        self, text: str, root: Node, *, reads_message: bool, reads_groups: bool
    ) -> None: ...
    @property
    def text(self) -> str: ...
    @property
    def reads_message(self) -> bool: ...
    @property
    def reads_groups(self) -> bool: ...
    def evaluate(
        self,
        *,
        principal: str = ...,
        resource: str = ...,
        groups: tuple[str, ...] = ...,
        now_ns: int = ...,
        call: Call | None = ...,
        message_to_come: bool = ...,
    ) -> Literal["false", "true", "unknown", "error"]:
        """What comes of it; for people, not for the road of a call."""
