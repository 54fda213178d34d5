"""The command line: arguments to settings to application.

Only the command that is asked for is imported, and imports what it runs when it runs it: what a
program needs that serves is more than a quick command takes.
"""

import sys
from importlib import import_module
from typing import Annotated, Any

import typer

from blrcs.cli.plain_command import PlainGroup

COMMANDS = ("serve", "worker", "keeper", "new", "generate", "health", "doctor")
"""Each is the function of its name in the module of its name."""
HIDDEN = frozenset({"worker", "keeper"})
GROUPS = ("audit", "policy", "config", "db", "records", "encryption", "keys", "admin")
"""Each is the ``app`` of the module of its name."""
ALL = COMMANDS + GROUPS
VERSIONS = (["version"], ["--version"])
"""Asked for by these alone, it is printed without a command being imported."""


def program(*names: str) -> typer.Typer:
    """The program with some of its commands."""
    made = typer.Typer(
        name="blrcs",
        cls=PlainGroup,
        help="A guarded gRPC backend.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    for name in names:
        module = import_module(f"blrcs.cli.{name}")
        if name in GROUPS:
            made.add_typer(module.app, name=name)
        else:
            made.command(name, hidden=name in HIDDEN)(getattr(module, name))
    if names == ALL or not names:
        # Before a command; where one has been asked for, there is none to read.
        made.callback()(options)
    made.command("version")(version)
    return made


def version() -> None:
    """Print the version."""
    from blrcs import __version__  # noqa: PLC0415 - see the module's docstring

    typer.echo(__version__)


def _print_version(is_asked: bool) -> None:  # noqa: FBT001 - typer calls it so
    if is_asked:
        version()
        raise typer.Exit


def options(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Those of the program itself."""


def main() -> None:
    """The entry point of the ``blrcs`` program."""
    asked = sys.argv[1:2]
    if asked in VERSIONS:
        program()()
    # Whoever asks for something else is told of all there are.
    program(*(asked if asked and asked[0] in ALL else ALL))()


def __getattr__(name: str) -> Any:
    """``app`` is the program with all commands."""
    if name == "app":
        return program(*ALL)
    raise AttributeError(name)
