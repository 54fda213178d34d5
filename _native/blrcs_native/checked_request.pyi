"""A request whose rules its reader has seen to, and of which no message has been made."""

from collections.abc import Callable
from typing import Any, final

@final
class CheckedRequest:
    """Stands for a message; whatever is asked of it but its parent, the message is made for.

    Attributes:
        octets: The message as it came.
        parent: Its field of this name.
        message: The message.

    Args:
        octets: See the attribute. Whoever gives them vouches for the rules of buf.validate.
        parent: See the attribute.
        parse: Makes the message.
    """

    octets: bytes
    parent: str
    message: Any

    def __init__(self, octets: bytes, parent: str, parse: Callable[[bytes], Any]) -> None: ...
    def __getattr__(self, name: str) -> Any: ...
