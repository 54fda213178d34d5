"""Where it is recorded what was done, and for how long."""

import socket
from typing import Annotated, Literal

from pydantic import Field

from blrcs.config.duration import Duration, between
from blrcs.config.section import Section


class Audit(Section):
    """The audit log."""

    to: Literal["files", "log", "both"] = "files"
    """Where records go: to signed chains in the data directory, to the log, or to both."""
    source: Annotated[str, Field(max_length=128, pattern=r"^[\x21-\x7e]*$")] = ""
    """Names this machine in each record; its host name if empty."""
    checkpoint_interval: Annotated[Duration, between("1s", "1h")] = Duration.parse("10s")
    """A record is signed after that time at the latest."""
    flush_interval: Annotated[Duration, between("10ms", "10s")] = Duration.parse("250ms")
    """Records that no call waits for are written after that time at the latest; at once, where few
    come."""
    retention: Annotated[Duration, between("1h", "36500d")] = Duration.parse("366d")
    """Files whose records are all older are removed."""

    @property
    def machine(self) -> str:
        """What this machine is called in each record."""
        return self.source or socket.gethostname()
