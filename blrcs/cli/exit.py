"""How a command ends when it cannot do what it was asked."""

import contextlib
from typing import NoReturn

import typer


def fail(message: str, *, code: int = 1) -> NoReturn:
    """Says why in one line on standard error and ends with a non-zero code.

    Raises:
        typer.Exit: Always.
    """
    typer.echo(f"blrcs: {message}", err=True)
    raise typer.Exit(code)


def announce_drain() -> None:
    """Says that a server stops; where that cannot be written, it stops all the same."""
    with contextlib.suppress(OSError):
        typer.echo("Stopping: accepted calls may finish.", err=True)
