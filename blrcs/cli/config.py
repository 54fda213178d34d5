"""``blrcs config``: tells whether a configuration is valid, and what is in effect."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from blrcs.config.effective import effective_values
from blrcs.config.loading import LoadedSettings, load_settings
from blrcs.config.problem import ConfigError
from blrcs.monitoring.log_values import escape

NO_WRAP_COLUMNS = 10_000

app = typer.Typer(help="Check and show the configuration.", no_args_is_help=True)

ConfigDirectory = Annotated[
    Path | None,
    typer.Option(
        "--config-dir",
        help="Where blrcs.toml lies; by default BLRCS_CONFIG_DIR or the working directory.",
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="One file to read instead; by default BLRCS_CONFIG."),
]
EnvironmentName = Annotated[
    str | None, typer.Option("--environment", help="development, test or production.")
]


@app.command()
def check(
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
) -> None:
    """Validate the configuration: print OK, or each problem with its place and exit 1."""
    loaded = load_or_exit(config_directory, config_file, {"environment": environment})
    files = ", ".join(str(path) for path in loaded.files if path.exists())
    typer.echo(f"OK: {loaded.settings.environment}, from {files or 'no file'}")


@app.command()
def show(
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the values in effect and where each comes from. Secrets are masked."""
    loaded = load_or_exit(config_directory, config_file, {"environment": environment})
    values = effective_values(loaded)
    if as_json:
        shown = {each.key: {"value": each.value, "origin": each.origin} for each in values}
        typer.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
        return
    table = Table(box=None, pad_edge=False)
    for title in ("option", "value", "origin"):
        table.add_column(title, overflow="fold")
    for each in values:
        table.add_row(*(Text(escape(text)) for text in (each.key, each.text, each.origin)))
    console = Console()
    if not console.is_terminal:
        # Whoever reads it, a program or a file, wants each option on a line of its own.
        console.width = NO_WRAP_COLUMNS
    console.print(table)


def load_or_exit(
    config_directory: Path | None, config_file: Path | None, flags: Mapping[str, object]
) -> LoadedSettings:
    """The settings; or, on standard error, a line for each problem, and exit code 1.

    Raises:
        typer.BadParameter: Both a directory and a file are given.
        typer.Exit: The configuration is not valid.
    """
    if config_directory is not None and config_file is not None:
        raise typer.BadParameter("--config and --config-dir exclude each other")
    with refused_configuration():
        return load_settings(
            config_directory=config_directory, config_file=config_file, flags=flags
        )


@contextmanager
def refused_configuration() -> Iterator[None]:
    """Has a configuration that cannot be used end the command with a line for each problem."""
    try:
        yield
    except ConfigError as error:
        for problem in error.problems:
            typer.echo(escape(str(problem)), err=True)
        raise typer.Exit(1) from None
