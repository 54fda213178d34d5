"""``blrcs records``: records of a running server, from files and into them."""

import typer

from blrcs.cli import records_export, records_import
from blrcs.cli.plain_command import PlainCommand, PlainGroup

app = typer.Typer(
    cls=PlainGroup,
    help="Import and export records of a running server.",
    no_args_is_help=True,
)
app.command("import", cls=PlainCommand)(records_import.import_)
app.command("export", cls=PlainCommand)(records_export.export)
