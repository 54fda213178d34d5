"""What all guards share."""

from typing import Annotated, Literal

from pydantic import Field

from blrcs.config.section import Section

GuardKind = Literal["rate_limit", "authentication", "authorization", "validation"]
"""The guards, in the order in which they are asked (blrcs.v1.GuardKind)."""


class Guards(Section):
    """Settings of the guards that hold for every method."""

    shadow: tuple[GuardKind, ...] = ()
    """Guards that decide and record, but let every call pass."""
    limiter_cells: Annotated[int, Field(ge=64, le=1 << 26)] = 65_536
    """Counters that the rate limiter holds at once, at 64 bytes each."""
