"""A word on policies that were changed in a proto and are not in force yet."""

from pathlib import Path

import typer

from blrcs.config.settings import Settings
from blrcs.monitoring.log_values import escape


def warn_of_outdated(settings: Settings) -> None:
    """Says which proto of the working directory is newer than the code that was made of it.

    A server hosts what was made: a policy in it counts as it was then.
    """
    if not settings.services.extra:
        return
    from blrcs.protos import outdated_proto  # noqa: PLC0415 - see the package's docstring

    proto = outdated_proto(Path())
    if proto is not None:
        typer.echo(
            f"blrcs: {escape(str(proto))} is newer than the code made of it, which counts:"
            " `blrcs generate --python .` makes it anew",
            err=True,
        )
