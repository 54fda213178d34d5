"""What is removed when it is old enough, and what is not."""

from pathlib import Path

import pytest

from blrcs.audit.retention import forget_restored, retire, retire_idle
from blrcs.audit.segments import RESTORED_MARK, chains_in, segment_path, segments_in
from blrcs.audit.tail import DamagedChainError
from tests.unit.audit.chains import (
    NOW_NS,
    SIGNER,
    finding,
    records,
    take,
    verify,
    write_chain,
)


def idle_chains(directory: Path) -> list[Path]:
    """Two chains of several files that nobody writes, in the order in which they are seen to."""
    writers = [take(directory, max_segment_bytes=2000) for _ in range(2)]
    for writer in writers:
        for first in range(0, 20, 5):
            writer.append(records(range(first, first + 5)), sign=True)
    for writer in writers:
        writer.close()
    return sorted(writer.folder for writer in writers)


def damage(path: Path) -> None:
    """No line of it is what its hash is of."""
    path.write_bytes(path.read_bytes().replace(b'"kind"', b'"king"'))


def test_what_is_retired_leaves_a_chain_without_a_gap(tmp_path):
    chain = take(tmp_path, max_segment_bytes=2000, clock=lambda: NOW_NS)
    for first in range(0, 40, 5):
        chain.append(records(range(first, first + 5)), sign=True)
    folder = tmp_path / chain.name
    before = segments_in(folder)
    assert retire(chain, NOW_NS - 1_000_000_000) == 0
    assert retire(chain, NOW_NS + 1_000_000_000) == len(before) - 1
    chain.append(records([50]), sign=True)
    assert segments_in(folder)[0].first_seq == before[-1].first_seq
    (report,) = verify(tmp_path).chains
    assert report.finding is None
    assert report.first_seq == before[-1].first_seq
    chain.close()
    # Nobody else can have removed so much of it.
    (first, *_) = segments_in(folder)
    raw = first.path.read_bytes().splitlines(keepends=True)
    first.path.unlink()
    segment_path(folder, first.first_seq + 1).write_bytes(b"".join(raw[1:]))
    assert finding(tmp_path).problem == "removed"


def test_chains_that_nobody_writes_are_retired_too(tmp_path):
    held = take(tmp_path, max_segment_bytes=500)
    idle = write_chain(tmp_path, 20, max_segment_bytes=2000)
    held.append(records(range(20)), sign=True)
    held.append(records(range(20)), sign=True)
    options = {"signer": SIGNER, "clock": lambda: NOW_NS}
    retire_idle(tmp_path, NOW_NS + 1_000_000_000, **options)
    assert len(segments_in(idle)) == 1
    assert len(segments_in(tmp_path / held.name)) == 2
    held.close()
    assert verify(tmp_path).findings == []
    assert len(chains_in(tmp_path)) == 2


def test_a_file_that_does_not_end_as_it_was_written_is_kept_and_told_of(tmp_path):
    chain = take(tmp_path, max_segment_bytes=2000, clock=lambda: NOW_NS)
    for first in range(0, 40, 5):
        chain.append(records(range(first, first + 5)), sign=True)
    before = segments_in(chain.folder)
    damaged = before[1].path
    damage(damaged)
    with pytest.raises(DamagedChainError, match=damaged.name):
        retire(chain, NOW_NS + 1_000_000_000)
    assert segments_in(chain.folder)[0] == before[1]
    assert damaged.exists()
    chain.close()


def test_a_damaged_chain_keeps_no_other_from_being_retired(tmp_path):
    damaged, whole = idle_chains(tmp_path)
    (*_, newest) = segments_in(damaged)
    damage(newest.path)
    files = len(segments_in(damaged))
    options = {"signer": SIGNER, "clock": lambda: NOW_NS}
    for _ in range(2):  # nor is one held for ever by who found it damaged
        with pytest.raises(DamagedChainError, match=newest.path.name):
            retire_idle(tmp_path, NOW_NS + 1_000_000_000, **options)
    assert len(segments_in(damaged)) == files
    assert len(segments_in(whole)) == 1


def test_a_damaged_chain_keeps_no_other_from_being_forgotten(tmp_path):
    damaged, whole = idle_chains(tmp_path)
    for folder in (damaged, whole):
        (folder / RESTORED_MARK).touch()
    held = take(tmp_path)
    damage(segments_in(damaged)[-1].path)
    with pytest.raises(DamagedChainError, match=damaged.name):
        forget_restored(held, NOW_NS + 1_000_000_000)
    assert damaged.exists()
    assert not whole.exists()
    held.close()
