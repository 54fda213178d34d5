"""Keys of which a write was refused, and whose later writes wait behind it."""

from collections import deque
from dataclasses import dataclass, field

from blrcs.domain.logged_write import LoggedWrite


@dataclass(slots=True)
class HeldKey:
    """The writes of one key that wait.

    Attributes:
        writes: In their order; the first is the one that was refused.
        attempts: How often it was tried.
        refusals: How many of them count as refused.
        successes: What the sink had carried out when it was last tried.
        due_ns: When it is to be tried again, by the monotonic clock.
    """

    writes: deque[LoggedWrite] = field(default_factory=deque)
    attempts: int = 0
    refusals: int = 0
    successes: int = 0
    due_ns: int = 0


class Held:
    """All keys that are held. Belongs to the event loop."""

    def __init__(self) -> None:
        self._keys: dict[str, HeldKey] = {}
        self._sequences: set[int] = set()

    def __len__(self) -> int:
        """How many writes wait."""
        return len(self._sequences)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    @property
    def sequences(self) -> frozenset[int]:
        """Of all writes that wait."""
        return frozenset(self._sequences)

    def hold(self, write: LoggedWrite) -> HeldKey:
        """Has a write wait, behind those of its key that do."""
        held = self._keys.setdefault(write.key, HeldKey())
        held.writes.append(write)
        self._sequences.add(write.sequence)
        return held

    def first_due(self) -> HeldKey | None:
        """The key that is to be tried before all others."""
        return min(self._keys.values(), key=lambda held: held.due_ns, default=None)

    def pop(self, held: HeldKey) -> LoggedWrite:
        """Lets its first write go; the next is due at once, and was never refused."""
        write = held.writes.popleft()
        self._sequences.remove(write.sequence)
        held.attempts = held.refusals = held.successes = held.due_ns = 0
        if not held.writes:
            del self._keys[write.key]
        return write
