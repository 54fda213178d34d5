"""What installed packages declare for others to find."""

from functools import cache
from importlib.metadata import EntryPoints, entry_points
from typing import Any


def declared(group: str) -> EntryPoints:
    """The entry points of a group, of all packages that were installed when first asked for any."""
    found: EntryPoints = _all().select(group=group)
    return found


@cache
def _all() -> Any:
    # Each look goes through the files of every package that there is.
    return entry_points()
