"""Whatever is done to a chain is found, and the first record is named that it was done to."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs.audit.line import Line, encoded, sealed_line, unsealed
from blrcs.audit.segments import HEAD, segment_path, segments_in
from blrcs.audit.verification import Verification
from tests.unit.audit.chains import (
    FORGERIES,
    KEYS,
    finding,
    forged,
    raw_of,
    records,
    take,
    verify,
    write_chain,
)

COUNT = 12


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """A directory with one chain; not to be changed."""
    directory = tmp_path_factory.mktemp("written") / "audit"
    write_chain(directory, COUNT)
    return directory


class Copy:
    """A chain to be tampered with, as one file."""

    def __init__(self, written: Path, directory: Path) -> None:
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(written, directory)
        self.directory = directory
        (self.chain,) = directory.iterdir()
        (segment,) = segments_in(self.chain)
        self.path = segment.path
        self.lines = self.path.read_bytes().splitlines(keepends=True)

    def put(self, lines: list[bytes]) -> None:
        self.path.write_bytes(b"".join(lines))

    def finding(self):
        return finding(self.directory)


@pytest.fixture
def copy(written, tmp_path):
    return Copy(written, tmp_path / "audit")


def resealed(raw: bytes, *, prev: str | None = None, number: int | None = None) -> bytes:
    """The record with another hash of the one before, or another content, and a hash that fits."""
    line = Line.read(raw)
    assert line is not None
    own = ("hash", "prev", "chain", "seq", "time")
    values = {name: value for name, value in line.values.items() if name not in own}
    if number is not None:
        values["number"] = number
    content = unsealed(
        prev or line.prev, line.chain, line.seq, line.values["time"], encoded(values)
    )
    return sealed_line(content)[0]


def test_what_was_not_touched_verifies(written):
    (report,) = verify(written).chains
    assert report.finding is None
    assert (report.first_seq, report.last_seq) == (1, report.signed_seq)


def test_no_chain_at_all_verifies(tmp_path):
    assert verify(tmp_path / "audit").chains == []


@given(data=st.data())
def test_any_octet_that_is_changed_is_found_in_its_record(written, tmp_path_factory, data):
    copy = Copy(written, tmp_path_factory.getbasetemp() / "octet" / "audit")
    raw = bytearray(b"".join(copy.lines))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    copy.path.write_bytes(raw)
    seq = bytes(b"".join(copy.lines))[:place].count(b"\n") + 1
    found = copy.finding()
    assert (found.chain, found.seq) == (copy.chain.name, seq)
    assert found.problem == "edited" or (seq == len(copy.lines) and found.problem == "torn")


@given(data=st.data())
def test_any_record_that_is_removed_is_named(written, tmp_path_factory, data):
    copy = Copy(written, tmp_path_factory.getbasetemp() / "removed" / "audit")
    place = data.draw(st.integers(0, len(copy.lines) - 1))
    count = data.draw(st.integers(1, len(copy.lines) - place))
    copy.put(copy.lines[:place] + copy.lines[place + count :])
    found = copy.finding()
    assert found.seq == place + 1
    assert found.problem == ("removed" if place + count < len(copy.lines) else "truncated")


@given(data=st.data())
def test_records_that_changed_places_are_named(written, tmp_path_factory, data):
    copy = Copy(written, tmp_path_factory.getbasetemp() / "swapped" / "audit")
    places = st.lists(st.integers(0, len(copy.lines) - 1), min_size=2, max_size=2, unique=True)
    one, other = sorted(data.draw(places))
    lines = list(copy.lines)
    lines[one], lines[other] = lines[other], lines[one]
    copy.put(lines)
    found = copy.finding()
    assert (found.problem, found.seq) == ("reordered", one + 1)


@given(data=st.data())
def test_a_record_that_stands_twice_is_named(written, tmp_path_factory, data):
    copy = Copy(written, tmp_path_factory.getbasetemp() / "twice" / "audit")
    what = data.draw(st.integers(0, len(copy.lines) - 1))
    where = data.draw(st.integers(what + 1, len(copy.lines)))
    copy.put([*copy.lines[:where], copy.lines[what], *copy.lines[where:]])
    found = copy.finding()
    assert (found.problem, found.seq) == ("reordered", what + 1)


def test_an_edited_record_with_a_hash_that_fits_is_named(copy):
    copy.lines[3] = resealed(copy.lines[3], number=99)
    copy.put(copy.lines)
    found = copy.finding()
    assert (found.problem, found.seq) == ("edited", 4)


@pytest.mark.parametrize("members", FORGERIES)
def test_whatever_is_written_in_the_place_of_a_record_it_is_named(copy, members):
    copy.lines[3] = forged(copy.lines[3], members)
    copy.put(copy.lines)
    found = copy.finding()
    assert (found.problem, found.seq) == ("edited", 4)


def test_a_chain_that_was_written_anew_from_a_record_on_lacks_signatures_from_there(copy):
    copy.lines[9] = resealed(copy.lines[9], number=99)
    for place in range(10, len(copy.lines)):
        before = Line.read(copy.lines[place - 1])
        copy.lines[place] = resealed(copy.lines[place], prev=before.hash)
    copy.put(copy.lines)
    found = copy.finding()
    signed = [Line.read(each).seq for each in copy.lines[:9] if b'"checkpoint"' in each]
    assert (found.problem, found.seq) == ("unsigned", max(signed) + 1)
    assert max(signed) + 1 <= 10


def test_another_record_in_the_place_of_one_is_a_fork(copy):
    other = resealed(copy.lines[4], number=99)
    copy.put([*copy.lines[:5], other, *copy.lines[5:]])
    found = copy.finding()
    assert (found.problem, found.seq) == ("forked", 5)


def test_a_signature_by_another_key_does_not_count(written):
    (chain,) = Verification(written, type(KEYS)({})).run().chains
    assert (chain.finding.problem, chain.finding.seq) == ("unsigned", 1)


def test_an_end_that_is_missing_is_found_by_a_checkpoint_kept_elsewhere(copy):
    kept = copy.lines[-1]
    (copy.chain / HEAD).unlink()
    copy.put(copy.lines[:7])
    assert copy.finding() is None
    found = finding(copy.directory, kept)
    assert (found.problem, found.seq) == ("truncated", 8)


def test_a_chain_that_went_on_otherwise_is_found_by_a_checkpoint_kept_elsewhere(copy):
    kept = copy.lines[-1]
    (copy.chain / HEAD).unlink()
    copy.put(copy.lines[:7])
    chain = take(copy.directory)
    chain.append(records(range(20)), sign=True)
    chain.close()
    assert copy.finding() is None
    found = finding(copy.directory, kept)
    assert (found.problem, found.seq) == ("forked", len(copy.lines))


def test_what_is_kept_elsewhere_is_to_be_a_checkpoint(copy):
    for raw in (b"", copy.lines[1], copy.lines[-1][:-9]):
        with pytest.raises(ValueError, match="no checkpoint"):
            verify(copy.directory, raw)


def test_chains_vouch_for_each_others_ends(tmp_path):
    directory = tmp_path / "audit"
    one, other = take(directory), take(directory)
    one.append(records(range(5)), sign=True)
    other.append(records(range(5)), sign=True)
    one.close()
    other.close()
    assert finding(directory) is None
    chain = directory / one.name
    lines = raw_of(chain).splitlines(keepends=True)
    segment_path(chain, 1).write_bytes(b"".join(lines[:-2]))
    (chain / HEAD).unlink()
    found = finding(directory)
    assert (found.chain, found.problem, found.seq) == (one.name, "truncated", len(lines) - 1)
    shutil.rmtree(chain)
    found = finding(directory)
    assert (found.chain, found.problem) == (one.name, "removed")


def test_a_head_that_nobody_signed_is_not_vouched_for(tmp_path):
    directory = tmp_path / "audit"
    one, other = take(directory), take(directory)
    one.append(records(range(5)), sign=False)
    (directory / one.name / HEAD).write_bytes(raw_of(directory / one.name).splitlines(True)[-1])
    other.append(records(range(5)), sign=True)
    assert b"others" not in raw_of(directory / other.name)
    one.close()
    other.close()


def test_files_that_are_missing_are_named(tmp_path):
    directory = tmp_path / "audit"
    chain = write_chain(directory, 40, max_segment_bytes=2000)
    segments = segments_in(chain)
    assert len(segments) > 3
    assert finding(directory) is None
    for missing, problem, seq in (
        (1, "removed", segments[1].first_seq),
        (0, "removed", segments[1].first_seq - 1),
        (len(segments) - 1, "truncated", segments[-1].first_seq),
    ):
        kept = segments[missing].path.read_bytes()
        segments[missing].path.unlink()
        found = finding(directory)
        assert (found.problem, found.seq) == (problem, seq)
        segments[missing].path.write_bytes(kept)
    assert finding(directory) is None


def test_a_file_of_another_chain_is_no_part_of_it(tmp_path):
    directory = tmp_path / "audit"
    one = write_chain(directory, 3)
    held = take(directory)
    other = write_chain(directory, 3)
    held.close()
    segment_path(other, 1).write_bytes(raw_of(one))
    assert [each.problem for each in verify(directory).findings] == ["edited"]
