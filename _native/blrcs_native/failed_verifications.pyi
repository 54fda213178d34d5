"""A bound on the verifications that fail, for each address and for all."""

from typing import final

from blrcs_native.limiter import Limiter, Rule

@final
class FailedVerifications:
    """Says whether one more verification of a token may be paid for.

    Each takes of what its address has left, and gives it back unless it fails: an honest caller
    takes nothing. An IPv6 address counts as its /64, and all that have no address as one.

    ``in_all`` bounds the failures of all addresses together. Where it is used up, those alone are
    turned away that have failed themselves, not yet made good by time: nobody who has not is turned
    away for what others do.

    Args:
        limiter: Counts, for all processes that share its table.
        per_address: What one address may fail, by GCRA.
        in_all: What all may, likewise; None for no bound.
    """

    def __init__(
        self, limiter: Limiter, *, per_address: Rule, in_all: Rule | None = None
    ) -> None: ...
    @property
    def per_address(self) -> Rule: ...
    @property
    def in_all(self) -> Rule | None: ...
    @property
    def retry_after_ms(self) -> int:
        """In how long an address that has used up its own may fail once more, at the latest."""
    def admit(self, address: str) -> bool:
        """Takes what a failure from this address costs; False where there is no more of it."""
