"""A sink that cannot take down what it has applied."""

from collections.abc import Awaitable, Callable, Sequence

from blrcs.domain.logged_write import Applied, LoggedWrite


class AtLeastOnceSink:
    """Hands writes to a function, and remembers nothing over restarts.

    After a crash, all writes that are still in the log are carried out again, in their order: those
    of the last files, and of any batch that failed half-way. So the function has to bear being told
    the same again, as one does that sets a key to a value. Where it has to be once, use a sink that
    has transactions, such as ``blrcs.database.write_sink.DatabaseSink``.

    Args:
        write: Carries out writes in their order; raises WriteRefusedError where one can never
            succeed.
    """

    def __init__(self, write: Callable[[Sequence[LoggedWrite]], Awaitable[None]]) -> None:
        self._write = write

    async def applied(self, log: str) -> Applied:
        """See the port: nothing is known."""
        del log
        return Applied()

    async def apply(self, log: str, writes: Sequence[LoggedWrite], applied: Applied) -> None:
        """See the port."""
        del log, applied
        await self._write(writes)
