"""The writer of a chain: what it leaves, however it ends."""

import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs.audit import chain
from blrcs.audit.line import Line
from blrcs.audit.segments import chains_in, segment_path
from blrcs.files import sync_directory
from tests.unit.audit.chains import (
    FORGERIES,
    finding,
    forged,
    raw_of,
    records,
    take,
    verify,
    write_chain,
)


def lines_of(chain) -> list[Line]:
    return [Line.read(each) for each in raw_of(chain).splitlines(keepends=True)]


def test_a_chain_goes_on_where_it_ended(tmp_path):
    first = write_chain(tmp_path, 3)
    second = write_chain(tmp_path, 3)
    assert first == second
    assert [each.seq for each in lines_of(first)] == list(range(1, len(lines_of(first)) + 1))
    assert finding(tmp_path) is None


def test_each_writer_has_a_chain_of_its_own(tmp_path):
    one, other = take(tmp_path), take(tmp_path)
    assert one.name != other.name
    one.close()
    again = take(tmp_path)
    assert again.name == one.name
    other.close()
    again.close()


def test_who_finds_the_chain_that_another_begins_has_it(tmp_path, monkeypatch):
    found = []

    def find_it_first(directory):
        monkeypatch.undo()
        sync_directory(directory)
        found.append(take(directory))

    monkeypatch.setattr(chain, "sync_directory", find_it_first)
    began = take(tmp_path)
    assert sorted(each.name for each in (began, *found)) == sorted(
        each.name for each in chains_in(tmp_path)
    )
    began.close()
    found[0].close()


@given(data=st.data())
def test_a_record_that_was_not_written_to_its_end_is_cut_off_and_told_of(tmp_path_factory, data):
    directory = tmp_path_factory.mktemp("torn")
    chain = write_chain(directory, 4)
    path = segment_path(chain, 1)
    raw = path.read_bytes()
    lines = raw.splitlines(keepends=True)
    cut = data.draw(st.integers(0, len(raw) - 1))
    (chain / "head").unlink()
    path.write_bytes(raw[:cut])
    whole = raw[:cut].count(b"\n")
    rest = raw[:cut].rpartition(b"\n")[2]
    write_chain(directory, 2)
    assert path.read_bytes().splitlines(keepends=True)[:whole] == lines[:whole]
    opened = lines_of(chain)[whole].values
    assert opened["kind"] == "opened"
    assert opened.get("torn", {"bytes": 0})["bytes"] == len(rest)
    assert finding(directory) is None


def test_a_chain_whose_end_is_not_as_it_was_written_is_left_alone(tmp_path):
    chain = write_chain(tmp_path, 4)
    path = segment_path(chain, 1)
    raw = path.read_bytes().replace(b'"number":2', b'"number":3')
    path.write_bytes(raw)
    other = write_chain(tmp_path, 1)
    assert other != chain
    assert lines_of(other)[0].values["damaged"] == [chain.name]
    assert path.read_bytes() == raw
    assert [each.chain for each in verify(tmp_path).findings] == [chain.name]


@pytest.mark.parametrize("members", FORGERIES)
def test_no_end_of_a_chain_keeps_a_writer_from_beginning(tmp_path, members):
    chain = write_chain(tmp_path, 4)
    path = segment_path(chain, 1)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:-1], forged(lines[-1], members)]))
    write_chain(tmp_path, 1)
    assert [each.chain for each in verify(tmp_path).findings] == [chain.name]


@pytest.mark.parametrize("name", ["pwrite", "fdatasync"])
def test_what_could_not_be_written_is_not_in_the_chain_and_may_be_tried_again(
    tmp_path, monkeypatch, name
):
    chain = take(tmp_path)
    chain.append(records([1]), sign=False)
    before = raw_of(tmp_path / chain.name)
    real = getattr(os, name)

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    def failing(descriptor, *arguments):
        if name == "pwrite":
            real(descriptor, arguments[0][:10], arguments[1])
        fail()

    with monkeypatch.context() as patch:
        patch.setattr(os, name, failing)
        for _ in range(2):
            with pytest.raises(OSError, match="space"):
                chain.append(records([2]), sign=False)
            assert raw_of(tmp_path / chain.name) == before
        # Nor can it be cut off at once.
        patch.setattr(os, "ftruncate", fail)
        with pytest.raises(OSError, match="space"):
            chain.append(records(range(2, 9)), sign=False)
    chain.append(records([2]), sign=True)
    chain.close()
    assert raw_of(tmp_path / chain.name).startswith(before)
    numbers = [each.values["number"] for each in lines_of(tmp_path / chain.name)[1:-1]]
    assert numbers == [1, 2]
    assert finding(tmp_path) is None


def test_instants_never_go_back(tmp_path):
    chain = take(tmp_path)
    chain.append(records([5_000_000_000, 4_900_000_000, 2_000_000_000]), sign=False)
    chain.close()
    written = [each.values for each in lines_of(tmp_path / chain.name)[1:]]
    assert [each["time"][-10:] for each in written] == ["25.000000Z"] * 3
    # What the clock said, where it was set back.
    assert [each.get("clock", "")[-10:] for each in written] == ["", "", "22.000000Z"]


def test_checkpoints_come_by_themselves_after_so_many_records(tmp_path):
    chain = take(tmp_path)
    for first in range(0, 3000, 500):
        chain.append(records(range(first, first + 500)), sign=False)
    kinds = [each.values["kind"] for each in lines_of(tmp_path / chain.name)]
    assert kinds.count("checkpoint") == 2
    assert chain.is_signed
    chain.append(records([1]), sign=False)
    assert not chain.is_signed
    chain.close()
