"""The command line: arguments to settings to application.

Commands import what they run when they run it, so that ``blrcs --help`` answers at once.
"""

import typer

from blrcs.cli import (
    audit,
    config,
    db,
    doctor,
    encryption,
    generate,
    health,
    keeper,
    keys,
    new,
    policy,
    records,
    serve,
    worker,
)

app = typer.Typer(
    name="blrcs",
    help="A guarded gRPC backend.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("serve")(serve.serve)
app.command("worker", hidden=True)(worker.worker)
app.command("keeper", hidden=True)(keeper.keeper)
app.command("new")(new.new)
app.command("generate")(generate.generate)
app.command("health")(health.health)
app.add_typer(audit.app, name="audit")
app.command("doctor")(doctor.doctor)
app.add_typer(policy.app, name="policy")
app.add_typer(config.app, name="config")
app.add_typer(db.app, name="db")
app.add_typer(records.app, name="records")
app.add_typer(encryption.app, name="encryption")
app.add_typer(keys.app, name="keys")


@app.command("version")
def version() -> None:
    """Print the version."""
    from blrcs import __version__  # noqa: PLC0415 - see the module's docstring

    typer.echo(__version__)


def main() -> None:
    """The entry point of the ``blrcs`` program."""
    app()
