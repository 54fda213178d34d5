"""The branches of migrations that services bring.

One is declared by an entry point of the group ``blrcs.migrations``, whose name is the branch's and
whose value a package, or by the option ``services.migrations``, which goes before it.
"""

import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from blrcs.database.errors import DatabaseOpenError
from blrcs.database.migrations.branch import BLRCS, Branch, named_branch
from blrcs.installed import declared

GROUP = "blrcs.migrations"


def declared_branches(configured: Mapping[str, str]) -> tuple[Branch, ...]:
    """Ours, and then those of services in the order of their names.

    Args:
        configured: Packages or folders by branch; one with a slash in it, or that is there, is a
            folder.

    Raises:
        DatabaseOpenError: There is no such package or folder.
    """
    places = {entry.name: entry.value for entry in declared(GROUP)}
    places.update(configured)
    services = [named_branch(name, _folder(name, places[name])) for name in sorted(places)]
    return (BLRCS, *services)


def _folder(name: str, place: str) -> Path:
    if "/" in place or Path(place).is_dir():
        return Path(place).absolute()
    directory = str(Path.cwd())
    if directory not in sys.path:
        sys.path.insert(0, directory)
    try:
        spec = find_spec(place)
    except (ImportError, ValueError) as error:
        raise DatabaseOpenError(f"migrations {name!r}", str(error)) from error
    if spec is None or not spec.submodule_search_locations:
        raise DatabaseOpenError(f"migrations {name!r}", f"there is no package {place!r}")
    return Path(next(iter(spec.submodule_search_locations)))
