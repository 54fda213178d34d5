"""What the server tells about itself."""

from typing import Annotated, Literal

from pydantic import Field

from blrcs.config.section import Section
from blrcs.config.server import Port

LogLevelName = Literal["debug", "info", "warning", "error", "critical"]
LogFormat = Literal["console", "json"]


class Logging(Section):
    """The log, written to standard error."""

    level: LogLevelName = "info"
    """The least severe messages that are written."""
    format: Literal["auto", "console", "json"] = "auto"
    """Lines for people or JSON lines; auto is console in development, else json."""


class Metrics(Section):
    """Metrics in Prometheus' text format, over HTTP at `/metrics`."""

    enabled: bool = True
    """Whether they are served."""
    host: Annotated[str, Field(min_length=1, max_length=253)] = "127.0.0.1"
    """The address or host name to listen on."""
    port: Port = 9_464
    """The port to listen on; 0 takes any that is free."""
