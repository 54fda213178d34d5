"""The log on disk, against a model: crashes at any byte, a disk that fails, bytes that change."""

import shutil
import tempfile
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from blrcs.cache.strategies.log import files as files_module
from blrcs.cache.strategies.log.errors import WriteLogCorruptError
from blrcs.cache.strategies.log.files import LogFiles
from blrcs.cache.strategies.log.recovery import recover
from blrcs.cache.strategies.log.segment import HEAD_BYTES, UNFINISHED, write_at
from blrcs.domain.logged_write import LoggedWrite

SEGMENT_BYTES = 400

groups = st.lists(
    st.tuples(st.sampled_from("abä"), st.none() | st.binary(max_size=60)), min_size=1, max_size=4
)


class LogMachine(RuleBasedStateMachine):
    """Keeps in ``acknowledged`` what the log has to give, of the files that are still there."""

    def __init__(self):
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.acknowledged = []
        self.last_group = []
        self.dropped_up_to = 0
        # What no sync has seen is in the kernel all the same, and it is not the kernel that dies.
        self.patches = [patch("os.fsync"), patch("os.fdatasync")]
        for each in self.patches:
            each.start()
        self.open()

    def teardown(self):
        self.files.close()
        for each in self.patches:
            each.stop()
        shutil.rmtree(self.directory)

    def open(self):
        recovered = recover(self.directory)
        last = max(recovered.last, self.dropped_up_to)
        self.files = LogFiles.open(self.directory, recovered, last + 1, segment_bytes=SEGMENT_BYTES)
        return list(recovered.writes)

    def of(self, group):
        first = self.files.next_sequence
        return [
            LoggedWrite(first + place, key, value, place)
            for place, (key, value) in enumerate(group)
        ]

    def held(self, writes):
        """Without those whose files may be gone."""
        return [write for write in writes if write.sequence > self.dropped_up_to]

    @rule(group=groups)
    def append(self, group):
        writes = self.of(group)
        self.files.append(writes)
        self.acknowledged += writes
        self.last_group = writes

    @rule(unfinished=st.none() | st.binary(max_size=9))
    def die(self, unfinished):
        self.files.close()
        if unfinished is not None:
            (self.directory / f"x{UNFINISHED}").write_bytes(unfinished)
        assert self.held(self.open()) == self.held(self.acknowledged)

    @rule(group=groups, share=st.floats(0, 1))
    def die_within_a_group(self, group, share):
        writes = self.of(group)
        self.files.append(writes)
        path, end = self.files._path, self.files._end
        records = self.files._records
        size = sum(len(records.encode(write, writes[0].sequence)) for write in writes)
        self.files.close()
        with path.open("r+b") as file:
            file.truncate(end - size + int(size * share))
        found = self.held(self.open())
        whole = len(found) - len(self.held(self.acknowledged))
        assert found == self.held(self.acknowledged) + writes[:whole]
        assert whole < len(writes) or share == 1
        self.acknowledged += writes[:whole]
        self.last_group = writes[:whole] or self.last_group

    @rule(group=groups, share=st.floats(0, 1))
    def the_disk_is_full(self, group, share):
        def fails(descriptor, content, place):
            write_at(descriptor, content[: int(len(content) * share)], place)
            raise OSError("no space left")

        before = self.files.next_sequence
        with patch.object(files_module, "write_at", fails), pytest.raises(OSError):
            self.files.append(self.of(group))
        assert self.files.next_sequence == before
        assert not self.files.is_distrusted

    @rule(share=st.floats(0, 1))
    def drop(self, share):
        last = self.files.next_sequence - 1
        self.dropped_up_to = max(self.dropped_up_to, int(last * share))
        self.files.remove_done(self.dropped_up_to)

    @precondition(lambda self: self.acknowledged)
    @rule(share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
    def a_bit_changes(self, share, bit):
        paths = sorted(self.directory.glob("*.log"))
        place = int(sum(path.stat().st_size for path in paths) * share)
        for path in paths:
            content = path.read_bytes()
            if place < len(content):
                break
            place -= len(content)
        changed = bytearray(content)
        changed[place] ^= 1 << bit
        path.write_bytes(changed)
        copy = shutil.copytree(self.directory, self.directory.with_suffix(".copy"))
        found, problem = read(copy)
        if problem:
            assert problem.startswith(str(copy))
            assert "\n" not in problem
        else:
            # The last group of all cannot be told from one that was never acknowledged.
            sure = [write for write in self.acknowledged if write not in self.last_group]
            assert self.held(found) == self.held(self.acknowledged)[: len(self.held(found))]
            assert len(self.held(found)) >= len(self.held(sure))
        shutil.rmtree(copy)
        path.write_bytes(content)

    @precondition(lambda self: len(list(self.directory.glob("*.log"))) > 2)
    @rule()
    def a_file_is_missing(self):
        missing = sorted(self.directory.glob("*.log"))[1]
        content = missing.read_bytes()
        missing.unlink()
        _, problem = read(self.directory)
        assert "a file is missing" in problem or len(content) == HEAD_BYTES
        missing.write_bytes(content)

    @invariant()
    def nothing_unfinished_stays(self):
        assert list(self.directory.glob(f"*{UNFINISHED}")) == []


def read(directory):
    """What a log gives, and why it gives nothing."""
    try:
        return list(recover(directory).writes), ""
    except WriteLogCorruptError as error:
        return [], str(error)


TestLog = LogMachine.TestCase
TestLog.settings = settings(max_examples=60, stateful_step_count=25)
