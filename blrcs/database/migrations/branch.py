"""Branches of migrations: ours, and one for each service that brings tables of its own.

Each is a folder with a file for every revision, one after the other, and has a version table of its
own. So revisions of different services may have the same numbers, one service can be taken back or
removed without the others, and a revision that nobody knows can only be of a newer version.
"""

import ast
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from blrcs.database.errors import DatabaseOpenError, DatabaseTooNewError

OWN_NAME = "blrcs"
VERSION_TABLE = "alembic_version"
BASE = "base"
"""Where a database is before the first revision."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Revision:
    """One step: a file with ``revision``, ``down_revision``, ``upgrade`` and ``downgrade``.

    Attributes:
        id: Its name, which the version table keeps.
        down: The one before it, if any.
        title: The first line of its docstring.
        path: The file.
    """

    id: str
    down: str | None
    title: str
    path: Path


@dataclass(frozen=True, slots=True)
class Branch:
    """A line of revisions.

    Attributes:
        name: What commands call it.
        folder: Where its files are. They are read, and not imported, to know what there is.
    """

    name: str
    folder: Path

    @property
    def version_table(self) -> str:
        """Where the database keeps its revision."""
        return VERSION_TABLE if self.name == OWN_NAME else f"{VERSION_TABLE}_{self.name}"

    @property
    def revisions(self) -> tuple[Revision, ...]:
        """From the first to the newest.

        Raises:
            DatabaseOpenError: The files do not make one line.
        """
        return _line(self)

    @property
    def head(self) -> str | None:
        """The newest revision; None where there is none yet."""
        return self.revisions[-1].id if self.revisions else None

    def after(self, stored: str | None) -> tuple[Revision, ...]:
        """What is still to be done for a database that is at ``stored``.

        Raises:
            KeyError: The branch has no such revision.
        """
        if stored is None:
            return self.revisions
        return self.revisions[self.position(stored) + 1 :]

    def position(self, revision: str) -> int:
        """Its place in the line, from 0; KeyError where it has none."""
        for number, each in enumerate(self.revisions):
            if each.id == revision:
                return number
        raise KeyError(revision)


def named_branch(name: str, folder: Path) -> Branch:
    """A branch of a service.

    Raises:
        DatabaseOpenError: The name cannot be part of a table's, or there is no such folder.
    """
    place = f"migrations {name!r}"
    if not _NAME.fullmatch(name) or name == OWN_NAME:
        raise DatabaseOpenError(place, "the name has to be of lower-case letters, digits and _")
    if not folder.is_dir():
        raise DatabaseOpenError(place, f"{folder} is not a folder")
    return Branch(name, folder)


def require_known(branch: Branch, stored: str | None, place: Path | str) -> None:
    """A newer version's schema is left alone.

    Raises:
        DatabaseTooNewError: The branch has no such revision.
    """
    if stored is not None and all(each.id != stored for each in branch.revisions):
        named = "" if branch.name == OWN_NAME else f" of {branch.name}"
        raise DatabaseTooNewError(
            place,
            f"was written by a newer version{named}"
            f" (schema {stored!r}, known up to {branch.head!r})",
        )


@lru_cache
def _line(branch: Branch) -> tuple[Revision, ...]:
    found = [_read(branch, path) for path in sorted(branch.folder.glob("*.py"))]
    followers: dict[str | None, Revision] = {}
    for each in filter(None, found):
        other = followers.setdefault(each.down, each)
        if other is not each:
            raise _wrong(branch, f"{other.path.name} and {each.path.name} both follow {each.down}")
    line: list[Revision] = []
    while (following := followers.pop(line[-1].id if line else None, None)) is not None:
        line.append(following)
    if followers:
        lost = next(iter(followers.values()))
        raise _wrong(branch, f"{lost.path.name} follows {lost.down!r}, which is not in its line")
    return tuple(line)


def _read(branch: Branch, path: Path) -> Revision | None:
    """What a file says of itself; None where it is no revision, such as ``__init__.py``."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        raise _wrong(branch, f"{path.name} cannot be read: {error}") from error
    said: dict[str, object] = {}
    for node in tree.body:
        target: ast.expr | None = None
        if isinstance(node, ast.Assign):
            target = node.targets[0]
        elif isinstance(node, ast.AnnAssign):
            target = node.target
        if isinstance(target, ast.Name) and isinstance(node.value, ast.Constant):  # type: ignore[attr-defined]
            said[target.id] = node.value.value  # type: ignore[attr-defined]
    revision, down = said.get("revision"), said.get("down_revision")
    if not isinstance(revision, str):
        return None
    if "down_revision" not in said or not isinstance(down, str | None):
        raise _wrong(branch, f"{path.name} has to follow one revision, or None")
    title = (ast.get_docstring(tree) or "").partition("\n")[0]
    return Revision(revision, down, title, path)


def _wrong(branch: Branch, problem: str) -> DatabaseOpenError:
    return DatabaseOpenError(f"migrations {branch.name!r} in {branch.folder}", problem)


BLRCS = Branch(OWN_NAME, Path(__file__).parent / "versions")
"""Our own tables."""
