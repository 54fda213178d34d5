"""Memory that processes share, in parts that native objects can be given as buffers."""

from typing import final

from typing_extensions import Buffer

@final
class SharedMap:
    """The file that ``fd`` is open on as memory, all of it; the descriptor is not kept.

    It is there until neither it nor a region of it is in use.

    Raises:
        OSError: It cannot be mapped.
    """

    def __init__(self, fd: int) -> None: ...
    @property
    def size_bytes(self) -> int: ...
    def region(self, start: int, size_bytes: int) -> SharedRegion:
        """A part; ValueError where it leads out of the memory."""

@final
class SharedRegion(Buffer):
    """A part of a SharedMap: bytes that can be written to, for as long as this is in use."""

    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
