"""Removes what is older than it has to be kept. A signed record tells of it before it goes."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from blrcs.audit.chain import Chain
from blrcs.audit.checkpoint import FORGOTTEN, RETIRED, place_of
from blrcs.audit.line import Line
from blrcs.audit.segments import (
    chains_in,
    hold,
    is_restored,
    raw_lines,
    segments_in,
)
from blrcs.audit.tail import DamagedChainError, read_tail
from blrcs.domain.instant import from_instant
from blrcs.files import sync_directory


def retire(chain: Chain, before_ns: int) -> int:
    """Removes the files whose records are all older, but for the last one; how many it was.

    The record says where the chain goes on behind each.

    Raises:
        DamagedChainError: A file does not end as it was written. It stays, and what follows it.
        OSError: Not all could be removed.
    """
    segments = segments_in(chain.folder)
    retired = 0
    for segment, following in pairwise(segments):
        last = _last_line(segment.path)
        if from_instant(last.values["time"]) >= before_ns:
            break
        count = following.first_seq - segment.first_seq
        chain.write_signed({"kind": RETIRED, "through": place_of(last), "records": count})
        segment.path.unlink()
        sync_directory(chain.folder)
        retired += 1
    return retired


def retire_idle(directory: Path, before_ns: int, **options: Any) -> None:
    """The same for the chains that nobody writes.

    Raises:
        DamagedChainError: Some do not hold together. All others have been seen to.
        OSError: Not all could be removed.
    """
    with _damage_told_last() as tolerant:
        for folder in chains_in(directory):
            lock = None if is_restored(folder) else hold(folder)
            if lock is not None:
                with tolerant():
                    _retire_held(folder, lock, before_ns, options)


def forget_restored(chain: Chain, before_ns: int) -> None:
    """Removes the chains beside one that were restored, and whose records are all older.

    Raises:
        DamagedChainError: Some do not hold together. All others have been seen to.
        OSError: Not all could be removed.
    """
    with _damage_told_last() as tolerant:
        for folder in filter(is_restored, chains_in(chain.folder.parent)):
            with tolerant():
                _forget(chain, folder, before_ns)


def _retire_held(folder: Path, lock: int, before_ns: int, options: Mapping[str, Any]) -> None:
    try:
        tail = read_tail(folder)
    except DamagedChainError:
        os.close(lock)
        raise
    with contextlib.closing(Chain(folder, lock, tail, **options)) as chain:
        retire(chain, before_ns)


def _forget(chain: Chain, folder: Path, before_ns: int) -> None:
    tail = read_tail(folder)
    if tail.time_ns < before_ns:
        place = {"seq": tail.seq, "hash": tail.hash}
        chain.append_signed({"kind": FORGOTTEN, "chains": {folder.name: place}})
        shutil.rmtree(folder)
        sync_directory(folder.parent)


@contextlib.contextmanager
def _damage_told_last() -> Iterator[Callable[[], contextlib.AbstractContextManager[None]]]:
    """What it gives lets one chain be damaged; that is raised when all have been seen to."""
    found: list[str] = []

    @contextlib.contextmanager
    def tolerant() -> Iterator[None]:
        try:
            yield
        except DamagedChainError as error:
            found.append(str(error))

    yield tolerant
    if found:
        raise DamagedChainError("; ".join(found))


def _last_line(path: Path) -> Line:
    last = b""
    for last in raw_lines(path):  # noqa: B007 - the last is what is wanted
        pass
    line = Line.read(last)
    if line is None:
        raise DamagedChainError(f"{path}: its last record is not as it was written")
    return line
