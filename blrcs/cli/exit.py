"""How a command ends when it cannot do what it was asked."""

import contextlib
from pathlib import Path
from typing import NoReturn

import typer

from blrcs.monitoring.log_values import escape


def fail(message: str, *, code: int = 1) -> NoReturn:
    """Says why in one line on standard error and ends with a non-zero code.

    Raises:
        typer.Exit: Always.
    """
    typer.echo(f"blrcs: {message}", err=True)
    raise typer.Exit(code)


def read_or_exit(path: Path) -> bytes:
    """What a file holds; ends the command where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        fail(f"{escape(str(path))}: {error.strerror}")


def announce_drain() -> None:
    """Says that a server stops; where that cannot be written, it stops all the same."""
    with contextlib.suppress(OSError):
        typer.echo("Stopping: accepted calls may finish.", err=True)
