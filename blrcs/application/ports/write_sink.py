"""Where writes go that were acknowledged when they were in a log."""

from collections.abc import Sequence
from typing import Protocol

from blrcs.domain.logged_write import Applied, LoggedWrite


class WriteRefusedError(Exception):
    """A write that can never succeed, whoever tries it however often. Its text is for operators."""


class WriteSink(Protocol):
    """Carries writes out, of logs that each have a name.

    One task asks for one log at a time. A log may be asked about again after its process died at
    any instruction.
    """

    async def applied(self, log: str) -> Applied:
        """What of a log has been dealt with, so that it is not done again."""
        ...

    async def apply(self, log: str, writes: Sequence[LoggedWrite], applied: Applied) -> None:
        """Carries out the writes in their order, all or none, and takes down what is applied then.

        A sink that can does both in one transaction, and leaves out those writes that it has taken
        down as dealt with already: a commit may have happened though its answer was lost. One that
        cannot carries some writes out again after a crash or an error: at least once.

        Raises:
            WriteRefusedError: One of the writes can never succeed. None was carried out.
            Exception: Anything else is taken for trouble that may pass.
        """
        ...
