"""What was decided by the access policy, and what another policy would decide."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    """Something that was decided, as often as it was and when it last was.

    What conditions and issuers' groups made of it cannot be seen: it is what the call was told.
    """

    principal: str
    permission: str
    resource: str
    allowed: bool
    count: int
    last_time_ns: int


@dataclass(frozen=True, slots=True)
class Change:
    """A decision that a candidate policy would change.

    Attributes:
        would_be_allowed: What the candidate decides where nothing is known of the call.
        conditional: What it decides depends on the call.
    """

    decision: Decision
    would_be_allowed: bool
    conditional: bool
