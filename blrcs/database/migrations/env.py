"""Runs migrations on the connection, and in the transaction, that the caller has begun.

Or, where there is none, writes what it would run.
"""

from alembic import context

_given = context.config.attributes
if context.is_offline_mode():
    context.configure(
        dialect_name=_given["dialect"],
        version_table=_given["version_table"],
        transactional_ddl=_given["dialect"] == "postgresql",
        literal_binds=True,
    )
    with context.begin_transaction():
        context.run_migrations()
else:
    context.configure(
        connection=_given["connection"],
        version_table=_given["version_table"],
        on_version_apply=_given["applied"],
        transactional_ddl=True,
    )
    context.run_migrations()
