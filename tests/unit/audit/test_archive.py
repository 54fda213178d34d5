"""Backups of the audit log in one file, plain and encrypted."""

import gzip
import io
import tarfile
import tracemalloc
from itertools import count
from pathlib import Path

import pytest

from blrcs.audit import archive
from blrcs.audit.archive import LEAST_BYTES, unpacked, write_archive
from blrcs.audit.backup import PUBLIC_KEY_FILE, BackupError
from blrcs.audit.segments import FOLDER, chains_in, segments_in
from blrcs.database.backup.backup_key import BackupKey, parse_backup_key
from tests.unit.audit.test_backup import Machine

KEY = parse_backup_key(b"5a" * 32)
HUGE_BYTES = 32 << 20
OTHER = parse_backup_key(b"a5" * 32)
KEYS = pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])


@pytest.fixture
def old(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path / "old")
    machine.write(1, 2, 3)
    return machine


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "nightly.audit"


def write(machine: Machine, file: Path, key: BackupKey | None = None) -> None:
    report = write_archive(
        machine.directory, file, machine.public, public_key=b"{}", encrypt_to=key
    )
    assert report.findings == []


@KEYS
def test_another_machine_goes_on_with_what_was_restored(
    tmp_path: Path, old: Machine, file: Path, key: BackupKey | None
) -> None:
    write(old, file, key)
    assert file.stat().st_mode & 0o777 == 0o600
    new = Machine(tmp_path / "new")
    with unpacked(file, new.data, key) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / PUBLIC_KEY_FILE).read_bytes() == b"{}"
        new.restore(folder, old.public)
    (chain,) = chains_in(old.directory)
    (segment,) = segments_in(chain)
    restored = new.directory / chain.name / segment.path.name
    assert segment.path.read_bytes().startswith(restored.read_bytes())
    assert new.findings() == []
    # Nothing that was unpacked is left, and nothing that was packed.
    assert sorted(path.name for path in new.data.iterdir()) == [FOLDER, "audit_key.pem"]
    assert sorted(path.name for path in old.data.iterdir()) == [FOLDER, "audit_key.pem"]


def test_who_has_no_key_reads_nothing(tmp_path: Path, old: Machine, file: Path) -> None:
    write(old, file, KEY)
    assert b"jsonl" not in file.read_bytes()
    for key, said in ((None, "is encrypted: give the key"), (OTHER, "another key")):
        with pytest.raises(BackupError, match=said), unpacked(file, tmp_path, key):
            pass
    write(old, file)
    with pytest.raises(BackupError, match="is not encrypted"), unpacked(file, tmp_path, KEY):
        pass


@KEYS
def test_what_was_cut_off_is_refused(
    tmp_path: Path, old: Machine, file: Path, key: BackupKey | None
) -> None:
    write(old, file, key)
    whole = file.read_bytes()
    before = sorted(tmp_path.iterdir())
    for place in range(0, len(whole), len(whole) // 40):
        file.write_bytes(whole[:place])
        said = r"nightly\.audit: "
        with pytest.raises(BackupError, match=said), unpacked(file, tmp_path, key):
            pass
    assert sorted(tmp_path.iterdir()) == before


@KEYS
def test_nothing_comes_out_but_what_was_put_in(
    tmp_path: Path, old: Machine, file: Path, key: BackupKey | None
) -> None:
    write(old, file, key)
    with unpacked(file, tmp_path, key) as folder:
        right = content(folder)
    whole = file.read_bytes()
    refused = 0
    for place in range(0, len(whole), len(whole) // 100):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            with unpacked(file, tmp_path, key) as folder:
                # Some bits of a compressed file say nothing, such as those of when it was made.
                assert key is None
                assert content(folder) == right
        except BackupError:
            refused += 1
    assert refused > 50


def content(folder: Path) -> dict[str, bytes]:
    files = [each for each in folder.rglob("*") if each.is_file()]
    return {str(each.relative_to(folder)): each.read_bytes() for each in files}


@pytest.mark.parametrize(
    "name",
    ["../stolen", "/tmp/stolen", f"{FOLDER}/../../stolen", "audit_key.pem", f"{FOLDER}/x/head"],
)
def test_nothing_is_written_beside_the_folder(tmp_path: Path, file: Path, name: str) -> None:
    file.write_bytes(packed(tarfile.TarInfo(name)))
    with pytest.raises(BackupError, match="is no backup"), unpacked(file, tmp_path):
        pass


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE]
)
def test_nothing_but_files_is_unpacked(tmp_path: Path, file: Path, kind: bytes) -> None:
    member = tarfile.TarInfo(PUBLIC_KEY_FILE)
    member.type, member.linkname = kind, "/etc/passwd"
    file.write_bytes(packed(member))
    with pytest.raises(BackupError, match="is no backup"), unpacked(file, tmp_path):
        pass


def test_what_would_fill_the_disk_is_not_unpacked(
    tmp_path: Path, file: Path, old: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(old, file)
    with unpacked(file, tmp_path) as folder:
        size_bytes = sum(max(len(each), LEAST_BYTES) for each in content(folder).values())
    # What is restored is copied once more.
    monkeypatch.setattr(archive, "_free_bytes", lambda _: size_bytes * 2)
    with unpacked(file, tmp_path):
        pass
    monkeypatch.setattr(archive, "_free_bytes", lambda _: size_bytes * 2 - 1)
    with pytest.raises(BackupError, match="too large"), unpacked(file, tmp_path):
        pass


def test_no_sparse_file_is_unpacked(tmp_path: Path, file: Path) -> None:
    member = tarfile.TarInfo(PUBLIC_KEY_FILE)
    member.pax_headers = {"GNU.sparse.size": "4096", "GNU.sparse.map": "4096,0"}
    file.write_bytes(packed(member))
    with pytest.raises(BackupError, match="is no backup"), unpacked(file, tmp_path):
        pass


@pytest.mark.parametrize(
    "kind",
    [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK],
)
def test_no_header_takes_the_memory(tmp_path: Path, file: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("header")
    member.type, member.size = kind, HUGE_BYTES
    header = member.tobuf(tarfile.GNU_FORMAT)
    file.write_bytes(gzip.compress(header + bytes(HUGE_BYTES), 1))
    tracemalloc.start()
    try:
        with pytest.raises(BackupError, match="is no backup"), unpacked(file, tmp_path):
            pass
        assert tracemalloc.get_traced_memory()[1] < HUGE_BYTES // 8
    finally:
        tracemalloc.stop()


def test_many_empty_files_do_not_fill_the_disk(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{FOLDER}/{number:016x}/head" for number in range(20)]
    file.write_bytes(packed(*map(tarfile.TarInfo, names)))
    monkeypatch.setattr(archive, "_free_bytes", lambda _: 20 * LEAST_BYTES)
    with pytest.raises(BackupError, match="too large"), unpacked(file, tmp_path):
        pass


def test_no_file_comes_twice(tmp_path: Path, file: Path) -> None:
    file.write_bytes(packed(tarfile.TarInfo(PUBLIC_KEY_FILE), tarfile.TarInfo(PUBLIC_KEY_FILE)))
    with pytest.raises(BackupError, match="no backup"), unpacked(file, tmp_path):
        pass


def test_what_a_command_left_that_was_killed_goes_with_the_next_one(
    old: Machine, file: Path
) -> None:
    left = old.data / ".audit-backup.left"
    (left / "backup").mkdir(parents=True)
    (left / "backup" / "chain").write_bytes(b"in the clear")
    write(old, file)
    assert sorted(path.name for path in old.data.iterdir()) == [FOLDER, "audit_key.pem"]


def test_what_another_command_unpacks_meanwhile_stays(old: Machine, file: Path) -> None:
    write(old, file)
    with unpacked(file, old.data) as folder:
        write(old, file.with_suffix(".next"))
        assert (folder / PUBLIC_KEY_FILE).exists()


def test_what_is_a_link_is_left_alone(tmp_path: Path, old: Machine, file: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_bytes(b"")
    (old.data / ".audit-backup.link").symlink_to(elsewhere)
    write(old, file)
    assert (elsewhere / "precious").exists()


def packed(*members: tarfile.TarInfo) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as made:
        for each in members:
            made.addfile(each)
    return gzip.compress(stream.getvalue())


def test_a_disk_that_gives_back_something_else_is_told_of(
    old: Machine, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(old, file)
    before = file.read_bytes()
    digest = archive._digest
    reads = count()
    monkeypatch.setattr(archive, "_digest", lambda read: digest(read) + b"%d" % next(reads))
    with pytest.raises(BackupError, match="the disk does not give back"):
        write(old, file)
    assert file.read_bytes() == before
