"""Brings a database up to date, or tells that it is not."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from blrcs.database.errors import DatabaseOutdatedError
from blrcs.database.migrations.branch import BASE, BLRCS, OWN_NAME, Branch, require_known
from blrcs.database.migrations.road import MigrationRoad


async def bring_up_to_date(
    road: MigrationRoad, branches: Sequence[Branch] = (BLRCS,), *, only_check: bool = False
) -> None:
    """Migrates branches to their heads where they are not there already.

    Args:
        road: The way to the database.
        branches: Which.
        only_check: Whether to refuse instead.

    Raises:
        DatabaseOutdatedError: It is behind, and only checked.
        DatabaseTooNewError: A newer version has migrated it.
        DatabaseOpenError: It cannot be reached, or refuses.
    """
    stored = await road.stored([branch.version_table for branch in branches])
    for branch, revision in zip(branches, stored, strict=True):
        require_known(branch, revision, road.place)
        if only_check and revision != branch.head:
            raise _outdated(branch, revision, road.place)
    if stored == [branch.head for branch in branches]:
        return
    # Only here, so that a start with nothing to migrate does not pay for alembic.
    from blrcs.database.migrations.running import upgrade  # noqa: PLC0415

    await road.run(partial(upgrade, place=road.place, branches=branches))


def _outdated(branch: Branch, revision: str | None, place: Path | str) -> DatabaseOutdatedError:
    named = "" if branch.name == OWN_NAME else f" of {branch.name}"
    return DatabaseOutdatedError(
        place,
        f"is at schema {revision or BASE!r}{named}, and {branch.head!r} is needed:"
        " run `blrcs db upgrade`",
    )
