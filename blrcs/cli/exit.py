"""How a command ends when it cannot do what it was asked."""

from typing import NoReturn

import typer


def fail(message: str, *, code: int = 1) -> NoReturn:
    """Says why in one line on standard error and ends with a non-zero code.

    Raises:
        typer.Exit: Always.
    """
    typer.echo(f"blrcs: {message}", err=True)
    raise typer.Exit(code)
