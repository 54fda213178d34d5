"""What is kept about access beside the policy itself."""

from typing import Annotated

from pydantic import Field

from blrcs.config.duration import Duration, between
from blrcs.config.section import Section


class Access(Section):
    """Roles, bindings and groups, and what was decided by them."""

    keep_expired: Annotated[Duration, between("1m", "3660d")] = Duration.parse("30d")
    """How long bindings stay after they have expired, so that it can be seen what they gave."""
    recorded_decisions: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Different decisions that are kept for dry runs of another policy; 0 records none."""
