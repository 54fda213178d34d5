import base64

import orjson
import pytest

from blrcs.transfer import reject_log
from blrcs.transfer.entry import Reject
from blrcs.transfer.errors import TransferError
from blrcs.transfer.lines import Line
from blrcs.transfer.progress_file import ProgressFile
from blrcs.transfer.record_export import OutputFile
from blrcs.transfer.reject_log import RejectLog


def test_a_state_is_loaded_by_the_same_transfer_alone(tmp_path):
    path = tmp_path / "x.json"
    state = ProgressFile(path, {"collection": "a", "n": [1]})
    state.require_none()
    state.save({"offset": 1})
    state.save({"offset": 2})
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o600
    assert ProgressFile(path, {"collection": "a", "n": (1,)}).load() == {"offset": 2}
    with pytest.raises(TransferError, match="n is not the same"):
        ProgressFile(path, {"collection": "a", "n": [2]}).load()
    with pytest.raises(TransferError, match="--resume goes on"):
        state.require_none()
    state.remove()
    state.require_none()


def test_rejects_are_kept_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(reject_log, "MAX_KEPT_BYTES", 8)
    path = tmp_path / "rejects.jsonl"
    told = []
    log = RejectLog(path, told.append)
    log.begin(0)
    rejects = [
        Reject(Line(1, 1, 3, "ä\r\n".encode(), True), "one"),
        Reject(Line(2, 2, 5, b"\xff\n", True), "two"),
        Reject(Line(3, 3, 9, b"0123456789\n", True), "three"),
    ]
    log.add(rejects[:1])
    size_bytes = log.size_bytes
    log.add(rejects[1:])
    log.close()
    assert told == rejects
    assert [orjson.loads(line) for line in path.read_bytes().splitlines()] == [
        {"line": 1, "reason": "one", "text": "ä"},
        {"line": 2, "reason": "two", "base64": base64.b64encode(b"\xff").decode()},
        {"line": 3, "reason": "three", "text": "01234567", "truncated": True},
    ]
    assert path.stat().st_mode & 0o777 == 0o600
    again = RejectLog(path, told.append)
    again.begin(size_bytes)
    again.add(rejects[1:2])
    again.close()
    assert [orjson.loads(line)["line"] for line in path.read_bytes().splitlines()] == [1, 2]


def test_rejects_are_their_owners_alone_and_go_where_nobody_else_has_led_them(tmp_path):
    path = tmp_path / "rejects.jsonl"
    path.touch(mode=0o644)
    log = RejectLog(path, list)
    log.begin(0)
    log.close()
    assert path.stat().st_mode & 0o777 == 0o600
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(OSError, match="symbolic links"):
        RejectLog(tmp_path / "link", list).begin(0)


def test_an_export_is_its_owners_alone(tmp_path):
    for name in ("orders.jsonl.part", "orders.jsonl"):
        (tmp_path / name).touch(mode=0o644)
    output = OutputFile(tmp_path / "orders.jsonl", ProgressFile(tmp_path / "x.json", {}))
    with output.begin(0) as file:
        file.write(b"{}\n")
        output.finish()
    assert (tmp_path / "orders.jsonl").read_bytes() == b"{}\n"
    assert (tmp_path / "orders.jsonl").stat().st_mode & 0o777 == 0o600
