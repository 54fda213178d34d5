"""One process waits for what another has."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HoldUp:
    """What is known of a wait just now.

    Attributes:
        waiter: The process that waits; 0 for the one that asks, which is not stopped.
        holder: The process that has what is wanted.
        tries: Grows as long as the waiter goes on to try. One that is stopped does not, though what
            it waited for may be had by others time and again.
    """

    waiter: int
    holder: int
    tries: int
