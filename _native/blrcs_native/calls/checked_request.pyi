"""A request whose rules its reader has seen to, and of which no message has been made."""

from collections.abc import Callable
from typing import Any, final

@final
class CheckedRequest:
    """Stands for a message; whatever is asked of it but its parent, the message is made for.

    Attributes:
        octets: The message as it came.
        parent: Its field of this name.
        message: The message; AbortError with the status of any malformed request where the
            octets are none, as its reader does not look into all of them.
        is_malformed: Whether they have turned out to be none.

    Args:
        octets: See the attribute. Whoever gives them vouches for the rules of buf.validate.
        parent: See the attribute.
        parse: Makes the message.
    """

    octets: bytes
    parent: str
    message: Any
    is_malformed: bool

    def __init__(self, octets: bytes, parent: str, parse: Callable[[bytes], Any]) -> None: ...
    def __getattr__(self, name: str) -> Any: ...
