"""Reads of records that are asked for in the same turn: one query for all of them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, final

from blrcs_native.calls.rejection import Rejection

@final
class GatheredReads:
    """Gathers what the direct handlers of a process are asked for, on its event loop.

    A key that several ask for in one turn is read once. Two queries run at a time, of at most 64
    keys each, while others gather; who asks while a query runs waits for another one, which
    begins after that. While others wait, one that takes too long does not count: another runs in
    its place, up to 30 in all, beyond which each goes to the method's own handler. A caller that
    leaves takes no other along, and the last one ends its query.

    Args:
        read: Gives, for ids of tenants, collections and records, the same ids and the reply for
            each record that there is, with None where it has to be opened first, and no octet where
            it is too large to be read with others; a Rejection for all of them; or None where each
            has to go to the method's own handler, as it does for whatever is raised, which is
            logged once. Keys are valid, and none is there twice.
        missing: Makes the refusal of a record that there is not.
        monotonic: Nanoseconds of a clock. For ten seconds after a collection was seen to have
            records that have to be opened, its reads go to the method's own handler at once, and so
            do those of a record after it was seen to be large.
        look_after_s: How often it is looked, while others wait, for queries that take too long:
            that are there at one look and at the next.
    """

    def __init__(
        self,
        read: Callable[
            [list[tuple[str, str, str]]], Awaitable[Sequence[Sequence[Any]] | Rejection | None]
        ],
        missing: Callable[[str, str, str], Rejection],
        *,
        monotonic: Callable[[], int] = ...,
        look_after_s: float = ...,
    ) -> None: ...
