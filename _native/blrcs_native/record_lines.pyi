"""JSON lines written as the writes of a blrcs.v1.BatchWriteRecordsRequest."""

class LineBlock:
    """Whole lines of a file, and how far they are read.

    Args:
        text: What was read of the file.
        stop: Where its last whole line ends, in bytes from its beginning.
        at: Where the first one begins.
        number: Of the line before.
        offset: Where the text begins in the file.

    Attributes:
        at: Where the next line begins.
        stop: Where the last one ends.
        number: Of the line before the next one.
    """

    at: int
    stop: int
    number: int

    def __init__(self, text: bytes, stop: int, *, at: int, number: int, offset: int) -> None: ...
    def take(self) -> tuple[int, int, bytes]:
        """The next line: its number, where it ends in the file, and its text.

        Raises:
            IndexError: There is none.
        """

class RecordWrites:
    """The writes of one batch, encoded, of different records.

    Lines are read as ``{"id": ..., "data": {...}}``, with an id that is a text or a whole number.

    Args:
        parent: Of all, as the request's encoded field.
        prefix: What comes before an id in a record's name.
        replaces: Whether a record that is there is replaced, and not refused.
        max_levels: How many objects and lists may be within each other.
        max_bytes: How large all data may be together, with ``overhead`` for each of them.

    Attributes:
        ids: Of the records.
        size_bytes: Of all data, with what is beside them.
        left_out: How many lines belong to the batch and are no writes; who knows of them counts
            them, and adds their size.
        end: Where the last line ends that was read here, in the file.
        number: Of that line.
    """

    ids: set[str]
    size_bytes: int
    left_out: int
    end: int
    number: int

    def __init__(
        self,
        parent: bytes,
        prefix: str,
        *,
        replaces: bool,
        max_levels: int,
        max_bytes: int,
        overhead: int,
    ) -> None: ...
    def __len__(self) -> int: ...
    def read(self, block: LineBlock, most: int) -> bool:
        """Writes lines until the batch has so many, those left out among them.

        Returns:
            Whether the next line belongs to another batch. If not, and there is a next line, it is
            one that is not read here: whoever reads it by other means finds out what is wrong with
            it, if anything is.

        Raises:
            MemoryError: There is not enough.
        """

    def add(self, record_id: str, data: bytes, expire_time: bytes) -> None:
        """A write that was read by other means; both messages are encoded."""

    def line(self, index: int) -> tuple[int, int, bytes] | None:
        """The line that a write was read of, as ``LineBlock.take``; None where it was added.

        Raises:
            IndexError: There is no such write.
        """

    def request(self, first: int, last: int) -> bytes:
        """The request that makes the writes from the first one on, without the last.

        Raises:
            IndexError: There are not so many.
        """
