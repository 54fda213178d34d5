"""What is refused where there is more to do than can be done."""

from typing import Annotated

from pydantic import Field

from blrcs.config.duration import Duration, between
from blrcs.config.section import Section


class Overload(Section):
    """Bounds of what runs at once, beside `server.max_concurrent_calls`."""

    critical_calls: Annotated[int, Field(ge=0, le=10_000)] = 32
    """Calls of critical priority, such as health and administration, that run beyond the limit."""
    max_calls_per_principal: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Calls of one principal, or of an address without one, that run at once; not if critical."""
    max_watches_per_principal: Annotated[int, Field(ge=1, le=1_000_000)] = 128
    """Watches of one principal, or of an address without one, that run at once in a worker."""
    adaptive: bool = False
    """The limit follows how long calls take; those that waited too long, or would be late, go."""
    min_calls: Annotated[int, Field(ge=1, le=1_000_000)] = 20
    """An adaptive limit never falls below; `server.max_concurrent_calls` is its upper bound."""
    tolerance: Annotated[float, Field(gt=1, le=100)] = 2.0
    """How many times longer than usual calls may take before an adaptive limit falls."""
    baseline_window: Annotated[Duration, between("1s", "1h")] = Duration.parse("30s")
    """How soon what calls take is what they usually take, where they have become slower."""
    breakers: bool = True
    """Databases and Redis that do not answer are not asked for a while; calls fail at once."""
    breaker_failure_rate: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The share of what is asked in ten seconds that has to fail for that."""
    breaker_open: Annotated[Duration, between("10ms", "1m")] = Duration.parse("1s")
    """How long it is not asked at first; twice as long each time that it fails, up to 15 s."""
    max_wait: Annotated[Duration, between("1ms", "1m")] = Duration.parse("100ms")
    """How long a call may have waited to begin; a twentieth of it while no time is left at all."""
