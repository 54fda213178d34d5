"""A number in shared memory that grows with every change of what the processes hold copies of."""

from collections.abc import Callable
from typing import final

from typing_extensions import Buffer

@final
class Generation:
    """The number that lies in the first 8 bytes of ``buffer``.

    Whoever changes what is stored stores it first, bumps then, and only then says that it is done;
    whoever holds a copy looks before each use whether the number has ``moved``, and if so catches
    up. So no use that begins after a change was acknowledged works with the old copy.

    Raises:
        ValueError: for a buffer that is too small or not aligned to 8 bytes.
        BufferError: for one that is read-only or not contiguous.
    """

    def __init__(self, buffer: Buffer) -> None: ...
    def bump(self) -> None:
        """Tells all processes, this one too, that something has changed."""
    def moved(self) -> bool:
        """Whether something has changed since this object was made or has caught up."""
    def catch_up(self, load_anew: Callable[[], object]) -> None:
        """Calls ``load_anew``; what it raises is raised, and leaves all as it was."""
