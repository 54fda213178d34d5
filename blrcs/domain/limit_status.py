"""How descriptors stand against their rules."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LimitStatus:
    """One descriptor against the rule that it matches.

    Attributes:
        rule: The rule's name; empty where none matches, and then nothing is limited.
        remaining: How much could be taken at once now.
        reset_after_ns: Until all of it could be.
        shadow: The rule only watches; ``allowed`` is what it would have decided.
    """

    rule: str = ""
    allowed: bool = True
    limit: int = 0
    remaining: int = 0
    reset_after_ns: int = 0
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class LimitVerdict:
    """What came of a request about several descriptors.

    ``retry_after_ns`` is when a refused one can be allowed at the earliest; None where it was
    allowed, or never can be.
    """

    allowed: bool
    statuses: Sequence[LimitStatus]
    retry_after_ns: int | None = None
