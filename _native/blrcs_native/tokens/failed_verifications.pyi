"""A bound on the verifications that fail, for each address and for all."""

from typing import final

from blrcs_native.calls.call import Call
from blrcs_native.limits.limiter import Limiter, Rule

@final
class FailedVerifications:
    """Says whether one more verification of a token may be paid for.

    Each takes of what its address has left, and gives it back unless it fails: an honest caller
    takes nothing. An IPv6 address counts as its /64, and all that have no address as one.

    ``in_all`` bounds the failures of all addresses together. Where it is used up, those alone are
    turned away that have failed themselves, not yet made good by time: nobody who has not is turned
    away for what others do.

    A token in a request is paid for by who sends it, the asker, and apart from the others by its
    address: who asks about the tokens of strangers is not turned away for theirs.

    Where an address has used up its own, a newcomer on a connection of its own still has a share.

    Args:
        limiter: Counts, for all processes that share its table.
        per_address: What one address may fail, by GCRA.
        in_all: What all may, likewise; None for no bound.
        per_asker: What one asker may fail, and one address of askers; counted with the others of an
            address, by ``per_address``, if None.
        newcomers: What an address that has used up its own may fail nevertheless; None for nothing.
        per_connection: So many of those may come from one connection.
    """

    def __init__(
        self,
        limiter: Limiter,
        *,
        per_address: Rule,
        in_all: Rule | None = None,
        per_asker: Rule | None = None,
        newcomers: Rule | None = None,
        per_connection: Rule | None = None,
    ) -> None: ...
    @property
    def per_address(self) -> Rule: ...
    @property
    def in_all(self) -> Rule | None: ...
    @property
    def retry_after_ms(self) -> int:
        """In how long who has used up its own may fail once more, at the latest.

        Where newcomers have a share, and it is not used up, that is of one connection.
        """
    @property
    def per_asker(self) -> Rule: ...
    @property
    def newcomers(self) -> Rule | None: ...
    @property
    def per_connection(self) -> Rule | None: ...
    @property
    def asker_retry_after_ms(self) -> int:
        """The same for an asker."""
    def admit(self, caller: Call | str, asker: str | None = None) -> bool:
        """Takes what a failure costs; False where there is no more of it.

        ``caller`` is a call, or an address alone; an ``asker`` sends the token in a request.
        """
