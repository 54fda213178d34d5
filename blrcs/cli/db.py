"""``blrcs db``: migrations, backups and slow statements of the server's database."""

import typer

from blrcs.cli import db_backup, db_migrations, db_slow

app = typer.Typer(
    help="Migrate, back up and examine the database.",
    no_args_is_help=True,
)
app.command("upgrade")(db_migrations.upgrade)
app.command("downgrade")(db_migrations.downgrade)
app.command("status")(db_migrations.status)
app.command("check")(db_migrations.check)
app.command("history")(db_migrations.history)
app.command("revision")(db_migrations.revision)
app.command("backup")(db_backup.backup)
app.command("restore")(db_backup.restore)
app.command("slow")(db_slow.slow)
