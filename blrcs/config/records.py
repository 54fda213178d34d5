"""How long the record service keeps what it does not need itself."""

from typing import Annotated

from pydantic import Field

from blrcs.config.duration import Duration, between
from blrcs.config.section import Section
from blrcs.config.size import SizeBytes


class Records(Section):
    """The record service."""

    change_ttl: Annotated[Duration, between("1m", "366d")] = Duration.parse("1d")
    """How long changes of records are kept for watchers that resume."""
    max_changes: Annotated[int, Field(ge=100, le=1_000_000_000)] = 100_000
    """Changes that are kept of a collection; beyond, the oldest are dropped."""
    copies: Annotated[SizeBytes, Field(ge=0, le=1 << 40)] = 0
    """Memory of each worker for copies of records that GetRecord has read; 0 for none."""
