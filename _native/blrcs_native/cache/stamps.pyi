"""What tells the processes of a server that their copies of cache entries are old."""

from typing import final

from typing_extensions import Buffer

@final
class CacheStamps:
    """Numbers in shared memory, of which each change of an entry makes one grow.

    Which one is decided by a keyed hash, so several keys share a number: a change of one makes
    copies of the others old as well, and nobody who does not know the key can choose which.

    Whoever changes entries changes one, bumps then, and only then answers anybody. Whoever has a
    copy has read the stamp before asking for the entry, and uses the copy only where the stamp is
    the same still: then no change was acknowledged before that use which the copy does not show.

    Args:
        buffer: As laid out by ``lay_out``.

    Raises:
        ValueError: for a buffer that is not of such a size, or not aligned to 8 bytes.
        BufferError: for one that is read-only or not contiguous.
    """

    def __init__(self, buffer: Buffer) -> None: ...
    @staticmethod
    def size_bytes_for(count: int) -> int:
        """The size of the buffer for ``count`` numbers, a power of two."""
    @staticmethod
    def lay_out(buffer: Buffer, key: bytes) -> None:
        """Writes the hash's key of 16 bytes; once, before anybody uses the buffer."""
    def of(self, namespace: str) -> NamespaceStamps: ...
    def bump_all(self) -> None:
        """Makes all copies old."""

@final
class NamespaceStamps:
    """The stamps of the entries of a namespace; made by ``CacheStamps.of``."""

    def stamp(self, key: str) -> int:
        """What grows with each change of the entry; several numbers in one."""
    def bump(self, key: str) -> None:
        """The entry has changed."""
    def bump_whole(self) -> None:
        """All entries of the namespace have changed."""
