"""``blrcs records``: records of a running server, from files and into them."""

import typer

from blrcs.cli import records_export, records_import

app = typer.Typer(
    help="Import and export records of a running server.",
    no_args_is_help=True,
)
app.command("import")(records_import.import_)
app.command("export")(records_export.export)
