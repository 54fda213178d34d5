"""What tests build, once, however many processes of theirs ask for it at the same time."""

import filecmp
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path


@contextmanager
def building(folder: Path) -> Iterator[None]:
    """Nobody else builds in a folder, which is made, for as long as the block takes."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("wb") as lock:
        flock(lock, LOCK_EX)
        yield


def is_newer(made: Path, *sources: Path) -> bool:
    """Whether a file is there, and was made after the last change of what it is made of."""
    return made.exists() and made.stat().st_mtime > max(each.stat().st_mtime for each in sources)


def copy_changed(source: Path, target: Path) -> None:
    """Copies a folder, but leaves alone what is the same already: others may be reading it."""
    shutil.copytree(source, target, dirs_exist_ok=True, copy_function=_copy_changed)


def _copy_changed(source: str, target: str) -> None:
    if not Path(target).exists() or not filecmp.cmp(source, target, shallow=False):
        shutil.copy2(source, target)
