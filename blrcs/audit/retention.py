"""Removes what is older than it has to be kept. A signed record tells of it before it goes."""

import contextlib
import os
import shutil
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
        OSError: Not all could be removed.
    """
    segments = segments_in(chain.folder)
    retired = 0
    for segment, following in pairwise(segments):
        last = _last_line(segment.path)
        if last is None or from_instant(last.values["time"]) >= before_ns:
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
        OSError: Not all could be removed.
    """
    for folder in chains_in(directory):
        lock = None if is_restored(folder) else hold(folder)
        if lock is None:
            continue
        try:
            tail = read_tail(folder)
        except DamagedChainError:
            os.close(lock)
            continue
        with contextlib.closing(Chain(folder, lock, tail, **options)) as chain:
            retire(chain, before_ns)


def forget_restored(chain: Chain, before_ns: int) -> None:
    """Removes the chains beside one that were restored, and whose records are all older.

    Raises:
        OSError: Not all could be removed.
    """
    for folder in chains_in(chain.folder.parent):
        if not is_restored(folder):
            continue
        tail = read_tail(folder)
        if tail.time_ns < before_ns:
            place = {"seq": tail.seq, "hash": tail.hash}
            chain.append_signed({"kind": FORGOTTEN, "chains": {folder.name: place}})
            shutil.rmtree(folder)
            sync_directory(folder.parent)


def _last_line(path: Path) -> Line | None:
    last = None
    for last in raw_lines(path):  # noqa: B007 - the last is what is wanted
        pass
    return None if last is None else Line.read(last)
