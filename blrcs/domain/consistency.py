"""Reading what one has written, where reads may come from copies."""

from contextvars import ContextVar
from dataclasses import dataclass, field

TOKEN_KEY = "blrcs-consistency-token"  # noqa: S105 - the name of a metadatum
"""Under which a call that wrote says how far it did, and a later one that it wants to see that."""
PRIMARY = "primary"
"""The token of who wants to see all that there is."""


@dataclass(slots=True)
class Consistency:
    """What a call has to see, and whether it has written. Shared by the tasks of one call.

    Attributes:
        tokens: What the caller sent, as it came.
        has_written: Whether anything was written, or may have been.
    """

    tokens: tuple[str, ...] = field(default=())
    has_written: bool = False


consistency: ContextVar[Consistency | None] = ContextVar("consistency", default=None)
"""Of the call that is served; None where there is none, or where there are no copies."""
