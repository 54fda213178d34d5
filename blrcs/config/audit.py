"""Where it is recorded what was done, and for how long."""

from typing import Annotated, Literal

from blrcs.config.duration import Duration, between
from blrcs.config.section import Section


class Audit(Section):
    """The audit log."""

    to: Literal["files", "log", "both"] = "files"
    """Where records go: to signed chains in the data directory, to the log, or to both."""
    checkpoint_interval: Annotated[Duration, between("1s", "1h")] = Duration.parse("10s")
    """A record is signed after that time at the latest."""
    flush_interval: Annotated[Duration, between("10ms", "10s")] = Duration.parse("250ms")
    """Records that no call waits for are written after that time at the latest; at once, where few
    come."""
    retention: Annotated[Duration, between("1h", "36500d")] = Duration.parse("366d")
    """Files whose records are all older are removed."""
