"""Where the Redis is that several machines share."""

from typing import Annotated

from pydantic import Field

from blrcs.config.duration import Duration, between
from blrcs.config.section import Secret, Section


class Redis(Section):
    """Redis, and the connections to it."""

    url: Secret | None = None
    """Where it is: `redis://`, `rediss://`, `unix://`, `redis+sentinel://` or `redis+cluster://`."""
    key_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = "blrcs"
    """What the names of all keys and channels begin with."""
    pool_size: Annotated[int, Field(ge=1, le=1000)] = 2
    """Connections that each worker keeps to a server; each carries many commands at a time."""
    connect_timeout: Annotated[Duration, between("10ms", "1m")] = Duration.parse("1s")
    """How long opening a connection may take."""
    command_timeout: Annotated[Duration, between("10ms", "1m")] = Duration.parse("1s")
    """How long a command waits for its answer at most."""
