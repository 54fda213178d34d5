"""The INSERT that a kind of database has for itself."""

from importlib import import_module
from typing import Any

import sqlalchemy as sa

WITH_THEIR_OWN = ("mysql", "postgresql")


def own_insert(dialect: str, table: sa.Table) -> Any:
    """One that can say what becomes of a row whose key is taken; any other's is that of SQLite.

    Of SQLAlchemy's dialects it imports that one alone.

    Args:
        dialect: SQLAlchemy's name of it.
        table: Where it adds rows.
    """
    name = dialect if dialect in WITH_THEIR_OWN else "sqlite"
    return import_module(f"sqlalchemy.dialects.{name}").insert(table)
