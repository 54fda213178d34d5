"""Rate limits in one flat table of fixed cells: GCRA, fixed and sliding window, concurrency."""

from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias, final

from typing_extensions import Buffer

from blrcs_native.limits.sharing import LimitSharing

Algorithm: TypeAlias = Literal["gcra", "fixed_window", "sliding_window", "concurrency"]

NEVER_NS: Final[int]
"""The ``retry_after_ns`` of a cost that no wait will admit."""

MAX_REQUESTS: Final[int]
"""The largest limit and burst of a rule; of a concurrency rule 2**32 - 1."""

MAX_PERIOD_NS: Final[int]
"""The longest period of a rule."""

MAX_STACK: Final[int]
"""The most elements that one ``consume_all`` takes."""

@final
class Rule:
    """One limit, compiled; immutable, compared and hashed by its values.

    Admitted are ``limit`` requests in ``period_ns``. A ``gcra`` rule admits at most ``burst`` at
    once (``limit`` where it is None); the other algorithms have no burst of their own. For
    ``concurrency`` the limit is what may be held at one time, and ``period_ns`` the time after
    which a lease that was not released lapses.

    Two rules share state exactly when all their values are equal, ``identity`` among them; so a
    rule whose numbers change starts afresh. A limit of 0 refuses every cost but 0.

    Raises:
        ValueError: for an unknown algorithm, a number out of range, or a burst that differs from
            the limit where the algorithm has none.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        limit: int,
        period_ns: int,
        *,
        identity: str,
        burst: int | None = None,
    ) -> None: ...
    @property
    def algorithm(self) -> Algorithm: ...
    @property
    def limit(self) -> int: ...
    @property
    def period_ns(self) -> int: ...
    @property
    def burst(self) -> int: ...
    @property
    def identity(self) -> str: ...
    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Decision:
    """What was decided; true when allowed.

    After an admitted ``consume`` the figures are those after it, else those found.
    """

    @property
    def allowed(self) -> bool: ...
    @property
    def limit(self) -> int:
        """The rule's limit. ``remaining`` can exceed it where the burst does."""
    @property
    def remaining(self) -> int:
        """The largest cost that would be admitted now."""
    @property
    def retry_after_ns(self) -> int:
        """Until this cost would be admitted if nothing more is taken; 0 when allowed.

        ``NEVER_NS`` when the cost is above what the rule ever admits. For ``concurrency`` a release
        can shorten it.
        """
    @property
    def reset_after_ns(self) -> int:
        """Until all is available again if nothing more is taken; 0 when it is."""
    @property
    def lease(self) -> int:
        """What ``release`` wants back: the limiter's time when it decided, in nanoseconds."""
    @property
    def index(self) -> int:
        """The place in the stack of the element that refused; -1 when allowed."""
    def __bool__(self) -> bool: ...

class LimiterStats(NamedTuple):
    """What a limiter's table holds.

    ``forced_evictions`` counts the cells that gave way to a new key before they had recovered,
    since the table was made: each let its key start afresh. Where it grows, the table is too
    small.
    """

    capacity_cells: int
    live_cells: int
    size_bytes: int
    forced_evictions: int

@final
class Limiter:
    """Counts what keys take under rules, in a table of bounded size.

    The table is one block of memory, of its own (``capacity_cells``, rounded up to a multiple of
    8, at 64 bytes each) or handed in (``buffer``: writable, contiguous, 8-byte aligned; one whose
    first 8 bytes are 0 is set up, one that holds a table is continued). Exactly one of the two is
    given. ``clock`` gives nanoseconds, by default the system's monotonic clock; values are cut to
    0 to 2**62 - 1, and a clock that goes back is taken to stand still. ``hash_key``, 16 bytes,
    random by default, keys the hash of the keys and stays with the table.

    Keys are bytes, or str, which is the same as its UTF-8. A key is kept as a keyed hash of 128
    bits only. Where the 8 cells that a new key may use are all taken, it gets one that has
    recovered fully, else the one that recovers soonest (among equals the least loaded), whose key
    thereby starts afresh: see ``LimiterStats.forced_evictions``.

    Costs are whole numbers. 0 takes nothing, is always allowed and tells the state; a negative one
    raises ValueError; one above the rule's burst, however large, is refused with ``NEVER_NS``.

    No two threads enter at once, thanks to the GIL. Where several processes use the block, each
    gives its limiter a ``sharing``.

    Raises:
        ValueError: for a capacity out of range, a buffer that is too small, misaligned or holds
            something else, or a hash key of another size or other than the table's.
        BufferError: for a buffer that is read-only or not contiguous.
    """

    def __init__(
        self,
        capacity_cells: int | None = None,
        *,
        buffer: Buffer | None = None,
        clock: Callable[[], int] | None = None,
        hash_key: bytes | None = None,
        sharing: LimitSharing | None = None,
    ) -> None: ...
    def consume(self, rule: Rule, key: str | bytes, cost: int = 1) -> Decision:
        """Takes ``cost`` if it is available."""
    def peek(self, rule: Rule, key: str | bytes, cost: int = 1) -> Decision:
        """Decides as ``consume`` would, and takes nothing."""
    def consume_all(self, claims: Sequence[tuple[Rule, str | bytes, int]]) -> Decision:
        """Takes every (rule, key, cost), or nothing where one refuses.

        Elements that name the same rule and key add up. The decision is that of one element: when
        allowed, of the one with the least remaining; when refused, of the one with the longest
        wait, so that its ``retry_after_ns`` holds for the stack; the first among equals. Its
        ``lease`` is good for every element.

        Raises:
            ValueError: for an empty stack, or one of more than ``MAX_STACK``.
        """
    def refund(self, rule: Rule, key: str | bytes, cost: int = 1) -> None:
        """Gives back what was taken, the latest first; never above full.

        What already recovered is not given twice: of a window that has ended nothing comes back.
        """
    def release(self, rule: Rule, key: str | bytes, lease: int, cost: int = 1) -> None:
        """Ends a lease of a ``concurrency`` rule; nothing happens if it has lapsed.

        Leases of one key are counted in slices of a fifth of the rule's period, and lapse with
        their slice: no earlier than the period, no later than 6/5 of it (and 6 ns) after they were
        taken. Releasing one twice, or one from before a ``reset`` or an eviction, can end another
        of the same slice.

        Raises:
            ValueError: for a rule of another algorithm.
        """
    def reset(self, rule: Rule, key: str | bytes) -> None:
        """Forgets what the key has taken under the rule."""
    @property
    def forced_evictions(self) -> int:
        """How often the table has dropped what still counted, to make room; by any process."""
    def stats(self) -> LimiterStats:
        """The state of the table; takes time in proportion to its size."""
