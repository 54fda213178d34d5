"""``blrcs encryption``: the keys of encrypted fields."""

import typer

from blrcs.cli import encryption_anew, encryption_keys

app = typer.Typer(
    help="Rotate and destroy the keys of encrypted fields.",
    no_args_is_help=True,
)
app.command("new-key")(encryption_keys.new_key)
app.command("status")(encryption_keys.status)
app.command("rotate-master")(encryption_keys.rotate_master)
app.command("rotate-data")(encryption_keys.rotate_data)
app.command("rotate-server")(encryption_keys.rotate_server)
app.command("reencrypt")(encryption_anew.reencrypt)
app.command("destroy-old")(encryption_anew.destroy_old)
app.command("shred-tenant")(encryption_keys.shred_tenant)
