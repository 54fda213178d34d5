"""How ``blrcs policy`` prints."""

from typing import Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from blrcs.cli.config import NO_WRAP_COLUMNS
from blrcs.monitoring.log_values import escape


def print_json(values: Any, outcome: str = "") -> None:
    """Prints JSON, of an object with its outcome if there is one."""
    if outcome:
        values = {**values, "outcome": outcome}
    typer.echo(orjson.dumps(values, option=orjson.OPT_INDENT_2).decode())


def print_table(titles: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Prints rows, whose lines are those of their cells."""
    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(Text("\n".join(map(escape, cell.split("\n")))) for cell in row))
    console = Console()
    if not console.is_terminal:
        # Whoever reads it, a program or a file, wants each row on a line of its own.
        console.width = NO_WRAP_COLUMNS
    console.print(table)
