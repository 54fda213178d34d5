"""Where the server keeps what it keeps."""

from typing import Annotated, Literal

from pydantic import Field

from blrcs.config.duration import Duration, between
from blrcs.config.section import Secret, Section


class Database(Section):
    """The database, and the pool of connections to it."""

    url: Secret | None = None
    """Where it is: `postgresql://`, `mysql://`, `mariadb://` or `sqlite:///`; without it, a SQLite
    file in the data directory."""
    migrate: Literal["auto", "check"] = "auto"
    """What a start does where migrations are to be run: run them, or refuse."""
    pool_size: Annotated[int, Field(ge=1, le=10_000)] = 20
    """Connections that each worker keeps open."""
    pool_overflow: Annotated[int, Field(ge=0, le=10_000)] = 10
    """Connections beyond that, opened where all are in use and closed after that."""
    pool_timeout: Annotated[Duration, between("10ms", "10m")] = Duration.parse("30s")
    """How long a call waits for a connection at most."""
    query_timeout: Annotated[Duration, between("100ms", "1h")] = Duration.parse("1m")
    """How long a read that is no part of a transaction may take."""
    slow_query: Annotated[Duration, between("0s", "1h")] = Duration.parse("500ms")
    """How long a statement takes that is written down as slow; 0 for none."""
    replicas: Annotated[tuple[Secret, ...], Field(max_length=16)] = ()
    """Where copies of it are that take reads off it, as URLs of the same kind."""
    replica_policy: Literal["round_robin", "least_connections"] = "round_robin"
    """Which of the replicas that may be read from is next."""
    replica_max_lag: Annotated[Duration, between("100ms", "1h")] = Duration.parse("10s")
    """How old what is read from a replica may be."""
    refresh_interval: Annotated[Duration, between("50ms", "1m")] = Duration.parse("1s")
    """How often the server looks for policies, limits and revocations that another machine or
    a command has stored."""
