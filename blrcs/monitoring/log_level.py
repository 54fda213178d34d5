"""How severe a message must be to be written; changes at run time."""

import logging
from collections.abc import Callable
from functools import partial

from structlog import DropEvent
from structlog.typing import EventDict, WrappedLogger

from blrcs.config.observability import LogLevelName
from blrcs.config.settings import Settings

SEVERITY = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}


class LogLevel:
    """The least severe level that is written, by structlog and by the standard library's logging.

    It is a structlog processor, and a :class:`blrcs.config.reloadable.Reloadable`. A change holds
    from the next message on, in every thread.
    """

    def __init__(self, name: LogLevelName) -> None:
        self._listeners: list[Callable[[], object]] = []
        self.set(name)

    def set(self, name: LogLevelName) -> None:
        """Writes messages of this level and above from now on."""
        self._severity = SEVERITY[name]
        logging.getLogger().setLevel(self._severity)
        for listener in self._listeners:
            listener()

    def on_change(self, listener: Callable[[], object]) -> None:
        """Has a function called after every change, for as long as this lives."""
        self._listeners.append(listener)

    def writes(self, name: LogLevelName) -> bool:
        """Whether messages of a level are written now; cheap, for those that cost to make."""
        return SEVERITY[name] >= self._severity

    def prepare(self, old: Settings, new: Settings) -> Callable[[], None]:
        """See :class:`blrcs.config.reloadable.Reloadable`."""
        del old
        return partial(self.set, new.logging.level)

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """Drops what is less severe."""
        del logger
        if SEVERITY[method] < self._severity:
            raise DropEvent
        return event
