import os
import threading
from functools import partial
from pathlib import Path

import orjson
import pytest

from blrcs.domain.record_name import CollectionKey
from blrcs.transfer import record_import
from blrcs.transfer.errors import TransferError
from blrcs.transfer.import_job import ImportJob
from blrcs.transfer.progress_file import ProgressFile
from blrcs.transfer.reading import Reading
from blrcs.transfer.record_import import TooManyRejectsError
from blrcs.transfer.source import Source
from blrcs.v1 import record_pb2
from tests.unit.transfer.server import Code, MemoryServer, RpcError

KEY = CollectionKey("acme", "orders")
PREFIX = "tenants/acme/collections/orders/records/"


class KilledError(BaseException):
    """The process is no more."""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "in.jsonl"
    lines = [
        b"{\n" if number % 7 == 3 else b'{"id": "r%d", "data": {"n": %d}}\n' % (number, number)
        for number in range(100)
    ]
    path.write_bytes(b"".join(lines))
    return path


def run(path, server, *, resume=False, advance=lambda _: None, tell=lambda _: None, **options):
    given = {"reading": Reading(format="jsonl"), "batch_size": 10, **options}
    given.setdefault("rejects", path.with_name("rejects.jsonl"))
    job = ImportJob(collection=KEY, path=path, **given)
    source = Source.open(path)
    with source.file:
        running = job.on(
            server,
            source,
            progress=job.progress_file(source),
            tell=tell,
            advance=advance,
            stopping=threading.Event(),
        )
        if resume:
            running.resume()
        running.run()
    return running.tally


def progress_of(path):
    return orjson.loads(path.with_name("in.jsonl.blrcs-import.json").read_bytes())


def numbers_of_rejects(path):
    lines = path.with_name("rejects.jsonl").read_bytes().splitlines()
    return [orjson.loads(line)["line"] for line in lines]


def check_whole(path, server, tally):
    bad = [number + 1 for number in range(100) if number % 7 == 3]
    assert numbers_of_rejects(path) == bad
    assert (tally.written, tally.skipped, tally.rejected) == (100 - len(bad), 0, len(bad))
    assert len(server.stored) == 100 - len(bad)
    assert not path.with_name("in.jsonl.blrcs-import.json").exists()


def test_lines_are_settled_in_their_order(path):
    server = MemoryServer()
    settled, told = [], []
    tally = run(
        path,
        server,
        advance=lambda each: settled.append((each.number, each.offset)),
        tell=lambda each: told.append(each.line.number),
    )
    check_whole(path, server, tally)
    assert settled == sorted(settled)
    assert settled[-1] == (100, path.stat().st_size)
    assert told == numbers_of_rejects(path)


@pytest.mark.parametrize("when", range(1, 10))
def test_killed_after_any_batch_it_goes_on(path, when):
    server = MemoryServer()

    def kill(tally):
        nonlocal when
        when -= 1
        if when == 0:
            # What is sent and not settled may be written all the same, or not.
            raise KilledError

    with pytest.raises(KilledError):
        run(path, server, advance=kill)
    check_whole(path, server, run(path, server, resume=True))


@pytest.mark.parametrize(("ahead", "saves"), [(0, 10), (1, 6), (8, 2)])
def test_what_may_be_sent_is_on_disk_before_it_is(path, monkeypatch, ahead, saves):
    monkeypatch.setattr(record_import, "AHEAD_BATCHES", ahead)
    saved, save = [], ProgressFile.save

    def note(file, members):
        saved.append(members["sent"])
        save(file, members)

    monkeypatch.setattr(ProgressFile, "save", note)
    server = MemoryServer()
    write = server.batch_write
    lines = path.read_bytes().splitlines(keepends=True)

    def check(encoded):
        request = record_pb2.BatchWriteRecordsRequest.FromString(encoded)
        last = int(request.writes[-1].create.record_id[1:])
        assert progress_of(path)["sent"] >= sum(map(len, lines[: last + 1]))
        write(encoded)

    server.batch_write = check
    check_whole(path, server, run(path, server))
    assert (len(server.calls), len(saved)) == (10, saves)


def test_killed_before_it_has_heard_of_a_write_it_goes_on(path):
    server = MemoryServer()
    write = server.batch_write

    def lost(encoded):
        write(encoded)
        raise KilledError

    server.batch_write = lost
    with pytest.raises(KilledError):
        run(path, server)
    assert server.stored
    server.batch_write = write
    check_whole(path, server, run(path, server, resume=True))


def test_what_others_have_written_meanwhile_is_told_of(path):
    server = MemoryServer()
    with pytest.raises(KilledError):
        run(path, server, advance=partial(_kill_at, 20))
    server.stored[f"{PREFIX}r90"] = record_pb2.Record(name=f"{PREFIX}r90")
    run(path, server, resume=True)
    assert 91 in numbers_of_rejects(path)
    assert not server.stored[f"{PREFIX}r90"].HasField("data")


@pytest.mark.parametrize("power_fails", [False, True])
def test_what_is_settled_is_not_sent_again(path, power_fails):
    server = MemoryServer()
    with pytest.raises(KilledError):
        run(path, server, on_conflict="replace", advance=partial(_kill_at, 10))
    server.stored[f"{PREFIX}r0"].data["n"] = -1
    if power_fails:
        noted = path.with_name("in.jsonl.blrcs-import.json.noted")
        noted.write_bytes(noted.read_bytes().replace(b'"offset"', b'"ofset"'))
    check_whole(path, server, run(path, server, on_conflict="replace", resume=True))
    # But for what the disk has not kept.
    assert server.stored[f"{PREFIX}r0"].data["n"] == (0 if power_fails else -1)


def test_what_an_import_before_has_noted_counts_for_no_other(path):
    server = MemoryServer()
    noted = path.with_name("in.jsonl.blrcs-import.json.noted")
    kept = []
    run(path, server, advance=lambda _: kept.append(noted.read_bytes()))
    assert not noted.exists()
    noted.write_bytes(kept[-1])
    server.stored.clear()
    source = Source.open(path)
    with source.file:
        job = ImportJob(collection=KEY, path=path, reading=Reading(format="jsonl"), batch_size=10)
        job.progress_file(source).require_none()
    write, server.batch_write = server.batch_write, partial(_raise, KilledError())
    with pytest.raises(KilledError):
        run(path, server)
    server.batch_write = write
    path.with_name("rejects.jsonl").unlink()
    check_whole(path, server, run(path, server, resume=True))


def _kill_at(number, tally):
    if tally.number >= number:
        raise KilledError


def test_the_first_of_two_lines_about_one_record_is_the_first_written(path):
    path.write_bytes(b"".join(b'{"id": "a", "data": {"n": %d}}\n' % number for number in range(20)))
    server = MemoryServer()
    tally = run(path, server)
    assert (tally.written, tally.rejected) == (1, 19)
    assert server.stored[f"{PREFIX}a"].data["n"] == 0
    run(path, server, on_conflict="replace")
    assert server.stored[f"{PREFIX}a"].data["n"] == 19


def test_it_stops_where_too_many_are_rejected_and_can_go_on(path):
    server = MemoryServer()
    with pytest.raises(TooManyRejectsError):
        run(path, server, max_rejects=2)
    # What it has not sent it does not look for.
    assert progress_of(path)["sent"] < path.stat().st_size
    check_whole(path, server, run(path, server, resume=True))


@pytest.mark.parametrize("change", ["file", "options", "state"])
def test_another_import_is_not_gone_on_with(path, change):
    server = MemoryServer()
    with pytest.raises(KilledError):
        run(path, server, advance=partial(_kill_at, 20))
    if change == "file":
        path.write_bytes(path.read_bytes() + b"\n")
    if change == "state":
        path.with_name("in.jsonl.blrcs-import.json").write_text("{")
    on_conflict = "skip" if change == "options" else "fail"
    with pytest.raises(TransferError, match="transfer"):
        run(path, server, resume=True, on_conflict=on_conflict)


def test_without_a_state_there_is_nothing_to_resume(path):
    with pytest.raises(TransferError, match="nothing to resume"):
        run(path, MemoryServer(), resume=True)


def test_a_file_is_imported_by_one_at_a_time(path):
    first = Source.open(path)
    with first.file, pytest.raises(TransferError, match="another import"):
        Source.open(path)
    with pytest.raises(TransferError, match="regular"):
        Source.open(Path("/dev/null"))


def test_csv_goes_on_behind_its_header(path):
    path.write_text("id,n\n" + "".join(f"r{number},{number}\n" for number in range(50)))
    server = MemoryServer()
    reading = Reading(format="csv", types={"n": "number"})
    with pytest.raises(KilledError):
        run(path, server, reading=reading, advance=partial(_kill_at, 20))
    tally = run(path, server, reading=reading, resume=True)
    assert (tally.written, tally.number) == (50, 51)
    assert server.stored[f"{PREFIX}r49"].data["n"] == 49


def test_an_import_that_is_refused_at_once_leaves_nothing(path):
    server = MemoryServer()
    server._write = partial(_raise, RpcError(Code.NOT_FOUND, "no such collection"))
    with pytest.raises(TransferError, match="NOT_FOUND"):
        run(path, server)
    assert not path.with_name("in.jsonl.blrcs-import.json").exists()
    # Where a call may have been carried out, that is remembered.
    server.is_doubtful = True
    with pytest.raises(TransferError, match="NOT_FOUND"):
        run(path, server)
    check_whole(path, server := MemoryServer(), run(path, server, resume=True))


def _raise(error, _):
    raise error


def test_standard_input_is_read_to_its_end():
    read, write = os.pipe()
    with os.fdopen(write, "wb") as pipe:
        pipe.write(b"id,n\nr1,1\n")
    server = MemoryServer()
    with os.fdopen(read, "rb") as file:
        source = Source(None, file)
        job = ImportJob(collection=KEY, path=None, reading=Reading(format="csv"))
        running = job.on(
            server,
            source,
            progress=job.progress_file(source),
            tell=lambda _: None,
            advance=lambda _: None,
            stopping=threading.Event(),
        )
        running.run()
        with pytest.raises(TransferError, match="standard input"):
            running.resume()
    assert server.stored[f"{PREFIX}r1"].data["n"] == "1"


@pytest.mark.parametrize(
    "name",
    ["in.jsonl", "same", "link", *(f"in.jsonl.blrcs-import.json{x}" for x in ("", ".noted"))],
)
def test_rejects_do_not_take_the_place_of_a_file_that_the_import_needs(path, name):
    path.with_name("same").hardlink_to(path)
    path.with_name("link").symlink_to(path)
    content = path.read_bytes()
    server = MemoryServer()
    with pytest.raises(TransferError, match="the import needs that file itself"):
        run(path, server, rejects=path.with_name(name))
    assert path.read_bytes() == content
    assert not server.calls
