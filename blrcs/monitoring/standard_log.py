"""The log of a program that has not said where ours goes: the standard library's."""

import logging

import structlog
from structlog.typing import EventDict, WrappedLogger

from blrcs.monitoring.log_values import escape, indented, only_plain_values


def log_by_standard_library() -> None:
    """Hands what is logged to ``logging``, unless structlog has been configured.

    structlog's own default shows the values of local variables in tracebacks, secrets among them.
    A program that configures structlog later has its own way from then on.
    """
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, _hand_over],
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _hand_over(
    logger: WrappedLogger, method: str, event: EventDict
) -> tuple[tuple[str, str], dict[str, object]]:
    """One line of text with the values behind it, none of which can forge another.

    A traceback is part of the text: what an exception says is often what a caller has sent, and
    ``logging`` writes that as it stands.
    """
    told = structlog.processors.format_exc_info(logger, method, event)
    values = only_plain_values(logger, method, told)
    message = str(values.pop("event", ""))
    exception = values.pop("exception", None)
    line = escape(" ".join([message, *(f"{key}={value!r}" for key, value in values.items())]))
    if exception is not None:
        line = f"{line}\n{indented(str(exception))}"
    return ("%s", line), {}
