"""The audit log of a process: durable where it is waited for, folded where it is flooded."""

import asyncio
import errno
import json
import os

import pytest

from blrcs.audit.chain import Chain
from blrcs.audit.log import MAX_KINDS, AuditOpenError, open_log
from blrcs.domain.errors import DataLossError, UnavailableError
from blrcs.transport.in_process import InProcessStream
from blrcs_native.calls.call import Call
from blrcs_native.calls.rejection import Rejection
from blrcs_native.monitoring.refusal_folder import RefusalHook
from tests.unit.audit.chains import NOW_NS, SIGNER, finding, raw_of
from tests.unit.interceptors.calls import method_of

REFUSAL = Rejection(16, "authentication", "TOKEN_INVALID", "no")


class Kept:
    """A log, and what lies in its chain."""

    def __init__(self, directory) -> None:
        self.directory = directory
        self.mirrored: list[dict] = []
        self.observed: list[tuple[int, bool]] = []
        self.written = asyncio.Event()

    async def __aenter__(self):
        def take():
            return Chain.take(self.directory, signer=SIGNER, clock=lambda: NOW_NS)

        self.log = await open_log(
            take,
            self.directory,
            clock=lambda: NOW_NS,
            observe=self._observe,
            mirror=self.mirrored.append,
        )
        return self

    async def __aexit__(self, *_):
        await self.log.close()

    def _observe(self, written, *, failed):
        self.observed.append((written, failed))
        self.written.set()

    @property
    def records(self) -> list[dict]:
        """Those of calls."""
        (chain,) = self.directory.iterdir()
        every = map(json.loads, raw_of(chain).splitlines())
        return [each for each in every if each["kind"] in ("call", "refused")]


@pytest.fixture
async def kept(tmp_path):
    async with Kept(tmp_path / "audit") as kept:
        yield kept
    assert finding(tmp_path / "audit") is None


def refuse(log, address="192.0.2.1", rejection=REFUSAL, told=None) -> None:
    call = Call(method_of(), InProcessStream(None), (), address)
    hook = RefusalHook(log.refusals, lambda call: told or {})
    call_rejected(call, rejection)
    hook(call)


def call_rejected(call, rejection) -> None:
    async def abort():
        await call.abort(rejection.code, "no")

    with pytest.raises(Exception, match="no"):
        abort().send(None)


async def test_what_was_committed_is_in_the_file(kept):
    await kept.log.commit({"kind": "call", "number": 1})
    assert [each["number"] for each in kept.records] == [1]


async def test_who_waits_shares_a_sync_with_the_others(kept, monkeypatch):
    syncs = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda file: (syncs.append(file), real(file)))
    await asyncio.gather(*(kept.log.commit({"kind": "call", "n": n}) for n in range(100)))
    assert [each["n"] for each in kept.records] == list(range(100))
    assert 1 <= len(syncs) <= 3


async def test_what_nobody_waits_for_comes_before_what_is_committed_later(kept):
    kept.log.put({"kind": "call", "n": 1})
    assert kept.records == []
    await kept.log.commit({"kind": "call", "n": 2})
    assert [each["n"] for each in kept.records] == [1, 2]


async def test_what_nobody_waits_for_is_written_by_itself(kept):
    kept.log.put({"kind": "call", "n": 1})
    refuse(kept.log)
    await asyncio.wait_for(kept.written.wait(), 30)
    assert [each["kind"] for each in kept.records] == ["call", "refused"]
    assert kept.observed == [(2, False)]


async def test_who_cannot_wait_has_all_written(kept, monkeypatch):
    monkeypatch.setattr(kept.log._pace, "_idle_s", 3600.0)
    refuse(kept.log)
    kept.log.flush()
    await asyncio.wait_for(kept.written.wait(), 30)
    assert [each["kind"] for each in kept.records] == ["refused"]


async def test_at_the_end_all_is_written_and_signed(tmp_path):
    kept = Kept(tmp_path / "audit")
    async with kept:
        kept.log.put({"kind": "call", "n": 1})
        refuse(kept.log)
    assert [each["kind"] for each in kept.records] == ["call", "refused"]
    (chain,) = kept.directory.iterdir()
    assert json.loads(raw_of(chain).splitlines()[-1])["kind"] == "checkpoint"


async def test_refusals_that_are_alike_are_one_record_with_a_count(kept):
    for _ in range(1000):
        refuse(kept.log)
    refuse(kept.log, "192.0.2.2")
    await kept.log.commit({"kind": "call"})
    _, one, other = kept.records
    assert (one["address"], one["count"], one["code"]) == ("192.0.2.1", 1000, "UNAUTHENTICATED")
    assert one["first_time"] <= one["last_time"]
    assert (other["address"], "count" in other) == ("192.0.2.2", False)


async def test_of_refusals_of_too_many_kinds_none_is_lost(kept):
    for number in range(3 * MAX_KINDS):
        refuse(kept.log, f"2001:db8::{number:x}")
    await kept.log.commit({"kind": "call"})
    _, *refused = kept.records
    assert sum(each.get("count", 1) for each in refused) == 3 * MAX_KINDS
    assert len(refused) == MAX_KINDS + 1
    assert (refused[-1]["others"], refused[-1]["count"]) == (True, 2 * MAX_KINDS)
    assert "address" not in refused[-1]


async def test_values_cannot_forge_a_record(kept):
    await kept.log.commit({"kind": "call", "request": {"x": '"}\n{"hash":"\r\u2028\x00'}})
    (record,) = kept.records
    assert record["request"]["x"] == '"}\n{"hash":"\r\u2028\x00'


async def test_a_request_that_json_has_no_words_for_does_not_silence_the_log(kept):
    await kept.log.commit({"kind": "call", "n": 1, "request": {"x": 1 << 70}})
    assert kept.records[0]["request"] is None


class Full:
    """A disk without room, until it is told otherwise."""

    def __init__(self, monkeypatch) -> None:
        self.is_full = True
        self._real = os.pwrite
        monkeypatch.setattr(os, "pwrite", self._pwrite)

    def _pwrite(self, *arguments):
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._real(*arguments)


async def test_while_nothing_can_be_written_changes_are_refused(kept, monkeypatch):
    kept.log.require_writable()
    disk = Full(monkeypatch)
    with pytest.raises(DataLossError):
        await kept.log.commit({"kind": "call", "n": 1})
    with pytest.raises(UnavailableError):
        kept.log.require_writable()
    for _ in range(10):
        refuse(kept.log)
    disk.is_full = False
    await kept.log.commit({"kind": "call", "n": 2})
    kept.log.require_writable()
    assert (0, True) in kept.observed
    assert kept.observed[-1][1] is False
    # Neither lost nor twice, and what was refused meanwhile is counted.
    assert [each["n"] for each in kept.records if "n" in each] == [1, 2]
    await kept.log.commit({"kind": "call"})
    assert sum(each.get("count", 0) for each in kept.records) == 10


async def test_refusals_take_no_more_room_while_nothing_can_be_written(kept, monkeypatch):
    disk = Full(monkeypatch)
    for _ in range(20):
        for number in range(2 * MAX_KINDS):
            refuse(kept.log, f"192.0.2.{number}")
        with pytest.raises(DataLossError):
            await kept.log.commit({"kind": "call"})
    assert len(kept.log.refusals) <= MAX_KINDS + 1
    disk.is_full = False
    await kept.log.commit({"kind": "call"})
    await kept.log.commit({"kind": "call"})
    refused = [each for each in kept.records if each["kind"] == "refused"]
    assert sum(each.get("count", 1) for each in refused) == 20 * 2 * MAX_KINDS


async def test_a_log_that_cannot_be_written_does_not_open(tmp_path, monkeypatch):
    Full(monkeypatch)
    with pytest.raises(AuditOpenError, match="No space"):
        await Kept(tmp_path / "audit").__aenter__()


async def test_the_mirror_sees_all_and_checkpoints_too(kept):
    await kept.log.commit({"kind": "call", "n": 1})
    await kept.log.checkpoint()
    assert {"kind": "call", "n": 1} in kept.mirrored
    (*_, checkpoint) = [each for each in kept.mirrored if each["kind"] == "checkpoint"]
    (chain,) = kept.directory.iterdir()
    assert checkpoint["line"].encode() in raw_of(chain)


async def test_a_line_is_printable_whatever_is_in_it(kept):
    text = "\x7f\x9b\u2028\u0085\u202e\ud7ff\U0001f600é"
    await kept.log.commit({"kind": "call", "request": {text: text}})
    (chain,) = kept.directory.iterdir()
    for raw in raw_of(chain).splitlines():
        assert raw.decode("ascii").isprintable()
    assert kept.records[0]["request"] == {text: text}
