"""A backup is as of one moment, and what was restored is told from what a server goes on with."""

import json
import shutil
from pathlib import Path

import pytest

from blrcs.audit import backup
from blrcs.audit.backup import BackupError, back_up
from blrcs.audit.chain import Chain
from blrcs.audit.checkpoint import PublicAuditKeys
from blrcs.audit.own_keys import OwnAuditKeys, rotate_key
from blrcs.audit.restoring import RestoreError, restore
from blrcs.audit.retention import forget_restored, retire_idle
from blrcs.audit.segments import FOLDER, KEY_FILE, RESTORED_MARK, chains_in, segments_in
from blrcs.audit.verification import Verification
from blrcs.domain.audit_finding import Finding
from blrcs.security.signing_keys import load_signing_key
from tests.unit.audit.chains import NOW_NS, raw_of, records


class Machine:
    """A server's audit log."""

    def __init__(self, data: Path) -> None:
        data.mkdir()
        self.data = data
        self.directory = data / FOLDER
        self.options = {"signer": OwnAuditKeys(data), "clock": lambda: NOW_NS, "source": data.name}

    def take(self, **options: int) -> Chain:
        """A chain of it."""
        return Chain.take(self.directory, **self.options, **options)

    def write(self, *numbers: int) -> None:
        """Records, and a checkpoint."""
        chain = self.take()
        chain.append(records(numbers), sign=True)
        chain.close()

    @property
    def public(self) -> PublicAuditKeys:
        """The present key."""
        return PublicAuditKeys.of_jwks(load_signing_key(self.data / KEY_FILE).jwks())

    def back_up(self, name: str = "backup") -> Path:
        """A backup that is as it was written."""
        target = self.data.with_name(name)
        assert back_up(self.directory, target, self.public, public_key=b"{}").findings == []
        return target

    def restore(self, folder: Path, keys: PublicAuditKeys) -> None:
        """See restore."""
        restore(folder, self.directory, keys, **self.options)

    def findings(self, *kept: bytes) -> list[Finding]:
        """What is wrong, by this machine's key alone."""
        return Verification(self.directory, self.public, kept).run().findings

    def heads(self) -> list[bytes]:
        """The last checkpoint of each chain."""
        return [(each / "head").read_bytes() for each in chains_in(self.directory)]

    def kinds(self) -> list[str]:
        """Of all records."""
        lines = [line for each in chains_in(self.directory) for line in raw_of(each).splitlines()]
        return [json.loads(line)["kind"] for line in lines]


@pytest.fixture
def first(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "web-1")


@pytest.fixture
def second(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "web-2")


def test_a_copy_ends_with_what_is_signed_of_chains_that_are_being_written(first: Machine) -> None:
    chains = [first.take(max_segment_bytes=500) for _ in range(2)]
    for number in range(20):
        chains[number % 2].append(records([number]), sign=True)
    chains[0].append(records([20]), sign=False)
    target = first.back_up()
    for chain in chains:
        copied = target / FOLDER / chain.name
        whole = raw_of(first.directory / chain.name)
        assert whole.startswith(raw_of(copied))
        assert json.loads(raw_of(copied).splitlines()[-1])["kind"] == "checkpoint"
        assert len(segments_in(copied)) > 3
        chain.close()
    assert not raw_of(target / FOLDER / chains[0].name).endswith(b"20}\n")


def test_what_is_written_while_chains_are_copied_leaves_none_without_what_another_names(
    first: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    chains = [first.take() for _ in range(3)]
    for chain in chains:
        chain.append(records([1]), sign=True)
    real = backup.cut_of
    writes = iter(range(10))

    def cut_of(folder: Path) -> object:
        cut = real(folder)
        if next(writes, None) is not None:
            for chain in chains:
                chain.append(records([2]), sign=True)
        return cut

    monkeypatch.setattr(backup, "cut_of", cut_of)
    first.back_up()
    for chain in chains:
        chain.close()


def test_nobody_else_says_where_it_is_written(first: Machine, tmp_path: Path) -> None:
    first.write(1)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    draft = tmp_path / ".backup.part"
    draft.symlink_to(elsewhere)

    with pytest.raises(FileExistsError):
        first.back_up()
    assert list(elsewhere.iterdir()) == []

    draft.unlink()
    target = first.back_up()
    folders = [target, *filter(Path.is_dir, target.rglob("*"))]
    assert {each.stat().st_mode & 0o777 for each in folders} == {0o700}


def test_files_that_are_removed_meanwhile_have_it_begin_again(
    first: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = first.take(max_segment_bytes=1)
    for number in range(4):
        chain.append(records([number]), sign=True)
    chain.close()
    real = backup.copy_file
    retired: list[bool] = []

    def copy_file(*arguments: object) -> None:
        if not retired:
            retired.append(True)
            retire_idle(first.directory, 1 << 62, **first.options)
        real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(backup, "copy_file", copy_file)
    target = first.back_up()
    (copied,) = chains_in(target / FOLDER)
    assert segments_in(copied)[0].first_seq > 1


def test_a_backup_takes_no_others_place_and_leaves_none_that_is_not_whole(
    first: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first.write(1)
    target = first.back_up()
    with pytest.raises(BackupError, match="is there already"):
        first.back_up()
    shutil.rmtree(target)

    def failing(*_: object) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(backup, "sync_directory", failing)
        with pytest.raises(OSError):
            first.back_up()
    assert not target.exists()
    first.back_up()


def test_what_was_not_as_it_was_written_is_told_of(first: Machine) -> None:
    first.write(1, 2)
    (chain,) = chains_in(first.directory)
    (segment,) = segments_in(chain)
    segment.path.write_bytes(segment.path.read_bytes().replace(b'"number":1', b'"number":7'))
    target = first.data.with_name("backup")
    report = back_up(first.directory, target, first.public, public_key=b"")
    assert [each.problem for each in report.findings] == ["edited"]
    assert (target / FOLDER / chain.name / segment.path.name).exists()


def test_a_new_machine_goes_on_in_a_chain_of_its_own_and_says_what_it_has_restored(
    first: Machine, second: Machine
) -> None:
    first.write(1, 2)
    rotate_key(first.data, lambda: NOW_NS)
    first.write(3)
    target = first.back_up()
    first.write(4)
    lost = first.heads()
    (chain,) = chains_in(first.directory)
    second.write(5)
    second.restore(target, first.public)
    second.write(6)
    assert second.findings() == []
    assert second.kinds().count("restored") == 1
    assert raw_of(second.directory / chain.name) == raw_of(target / FOLDER / chain.name)
    # What was written behind the backup is lost, and whoever has kept a checkpoint of it finds so.
    (finding,) = second.findings(*lost)
    assert (finding.chain, finding.problem) == (chain.name, "truncated")


def test_the_same_machine_does_not_go_on_with_what_was_restored(first: Machine) -> None:
    first.write(1)
    target = first.back_up()
    first.write(2)
    lost = first.heads()
    (chain,) = chains_in(first.directory)
    shutil.rmtree(first.directory)
    first.restore(target, first.public)
    for number in range(5):
        first.write(number)
    assert len(chains_in(first.directory)) == 2
    assert first.findings() == []
    assert [each.problem for each in first.findings(*lost)] == ["truncated"]
    # Whoever has it written to all the same has made a second history.
    (first.directory / chain.name / RESTORED_MARK).unlink()
    for other in chains_in(first.directory):
        if other != first.directory / chain.name:
            (other / RESTORED_MARK).touch()
    first.write(7)
    (finding,) = first.findings()
    assert (finding.chain, finding.problem) == (chain.name, "forked")


def test_where_a_chain_is_there_already_nothing_is_restored(first: Machine) -> None:
    first.write(1)
    target = first.back_up()
    first.write(2)
    before = first.kinds()
    with pytest.raises(RestoreError, match="is there already"):
        first.restore(target, first.public)
    assert first.kinds() == before


def test_what_is_not_as_it_was_written_is_not_restored(first: Machine, second: Machine) -> None:
    first.write(1)
    target = first.back_up()
    with pytest.raises(RestoreError, match="unsigned"):
        second.restore(target, second.public)
    (chain,) = chains_in(target / FOLDER)
    (segment,) = segments_in(chain)
    segment.path.write_bytes(segment.path.read_bytes()[:-2])
    with pytest.raises(RestoreError, match=chain.name):
        second.restore(target, first.public)
    assert chains_in(second.directory) == []
    with pytest.raises(RestoreError, match="is no backup"):
        second.restore(first.data.parent, first.public)


def test_whoever_is_killed_while_he_restores_has_the_next_one_go_on(
    first: Machine, second: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    chains = [first.take() for _ in range(2)]
    for chain in chains:
        chain.append(records([1]), sign=True)
        chain.close()
    target = first.back_up()
    renames = iter(range(1))
    real = Path.rename

    def rename(self: Path, other: Path) -> Path:
        if next(renames, None) is None:
            raise KeyboardInterrupt
        return real(self, other)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        with pytest.raises(KeyboardInterrupt):
            second.restore(target, first.public)
    second.restore(target, first.public)
    assert second.findings() == []
    assert {each.name for each in chains} < {each.name for each in chains_in(second.directory)}


def test_what_was_restored_and_backed_up_again_is_verified_by_the_last_key(
    first: Machine, second: Machine, tmp_path: Path
) -> None:
    first.write(1)
    second.restore(first.back_up(), first.public)
    rotate_key(second.data, lambda: NOW_NS)
    second.write(2)
    third = Machine(tmp_path / "web-3")
    third.restore(second.back_up("again"), second.public)
    third.write(3)
    assert third.findings() == []
    # A key counts in the chains alone that it was restored with.
    own = third.take()
    forged = Chain.take(
        third.directory,
        signer=OwnAuditKeys(first.data),
        clock=lambda: NOW_NS,
    )
    forged.append(records([9]), sign=True)
    forged.close()
    own.close()
    assert [each.problem for each in third.findings()] == ["unsigned"]
    shutil.rmtree(third.directory / forged.name)
    for folder in chains_in(third.directory):
        if "restored" not in {json.loads(each)["kind"] for each in raw_of(folder).splitlines()}:
            shutil.rmtree(folder)
            break
    assert [each.problem for each in third.findings()] == ["removed"]


def test_what_was_restored_is_removed_in_time(first: Machine, second: Machine) -> None:
    first.write(1)
    second.write(2)
    second.restore(first.back_up(), first.public)
    (restored,) = chains_in(first.directory)
    chain = second.take()
    forget_restored(chain, NOW_NS)
    assert (second.directory / restored.name).exists()
    forget_restored(chain, NOW_NS + 10**9)
    chain.close()
    assert not (second.directory / restored.name).exists()
    assert second.findings() == []
    # Nobody forgets a chain that was not restored.
    third = second.take()
    other = second.take()
    other.append(records([3]), sign=True)
    third.append_signed({"kind": "forgotten", "chains": {other.name: {"seq": 1, "hash": ""}}})
    third.close()
    other.close()
    shutil.rmtree(second.directory / other.name)
    assert [each.problem for each in second.findings()] == ["removed"]
