import asyncio
import errno
import os
import subprocess
import sys

import pytest
import structlog

from blrcs.cache.strategies import (
    AtLeastOnceSink,
    Lifetimes,
    ReadOptions,
    ReadThrough,
    StrategyMetrics,
    WriteBehindOptions,
    WriteLogLockedError,
    WriteLogUnwritableError,
)
from blrcs.domain.errors import (
    UnavailableError,
)
from tests.integration.cache_strategies.sinks import MemorySink
from tests.integration.cache_strategies.sources import FailingCache, Source
from tests.integration.cache_strategies.write_behind.world import (
    S,
    abandon,
    files,
    until,
)


async def test_writes_are_carried_out_in_their_order_and_their_files_go(opening, sink, directory):
    async with await opening(sink, segment_bytes=4096) as behind:
        sequences = [await behind.put("k", b"%d" % number) for number in range(50)]
        sequences.append(await behind.delete("other"))
        sequences.append(await behind.put("large", bytes(5000)))
        sequences.append(await behind.put("k", b"last"))
    assert sequences == list(range(1, 54))
    assert sink.sequences == sequences
    assert sink.values == {"k": b"last", "large": bytes(5000)}
    assert len(files(directory)) == 1


async def test_many_callers_share_a_sync(opening, sink, monkeypatch):
    syncs = []
    sync = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda file: syncs.append(file) or sync(file))
    async with await opening(sink) as behind:
        await asyncio.gather(*(behind.put(f"k{number}", b"") for number in range(500)))
    assert len(sink.done) == 500
    assert len(syncs) < 50


async def test_what_is_not_carried_out_stays_in_the_log(opening, sink, directory):
    sink.open.clear()
    behind = await opening(sink, drain_timeout_ns=1)
    for number in range(10):
        await behind.put("k", b"%d" % number)
    await behind.close()
    assert sink.done == []
    sink.open.set()
    async with await opening(sink) as behind:
        assert behind.pending("k").value == b"9"
        await behind.put("k", b"10")
    assert [value for _, value in sink.done] == [b"%d" % number for number in range(11)]
    assert sink.sequences == list(range(1, 12))


async def test_what_was_carried_out_before_the_end_is_not_again(opening, sink):
    behind = await opening(sink)
    await behind.put("a", b"1")
    await until(lambda: behind.lag_entries == 0)
    await abandon(behind)
    async with await opening(sink) as behind:
        assert behind.lag_entries == 0
        await behind.put("a", b"2")
    assert sink.done == [("a", b"1"), ("a", b"2")]


async def test_a_log_that_is_older_than_its_sink_gives_no_sequence_again(opening, sink, directory):
    behind = await opening(sink)
    await behind.put("a", b"1")
    (name,) = files(directory)
    backup = (directory / name).read_bytes()
    await behind.put("a", b"2")
    await behind.close()
    (directory / name).write_bytes(backup)
    async with await opening(sink) as behind:
        assert await behind.put("a", b"3") == 3
    async with await opening(sink) as behind:
        assert await behind.put("a", b"4") == 4
    assert [value for _, value in sink.done] == [b"1", b"2", b"3", b"4"]


async def test_a_log_made_anew_is_another_to_the_sink(opening, sink, directory):
    async with await opening(sink) as behind:
        await behind.put("a", b"1")
    for path in directory.iterdir():
        path.unlink()
    async with await opening(sink) as behind:
        assert await behind.put("a", b"2") == 1
    assert [value for _, value in sink.done] == [b"1", b"2"]


async def test_reads_see_what_is_pending(cache, opening, sink, clock):
    source = Source(a=b"old", b=b"old")
    sink.open.clear()
    async with await opening(sink) as behind:
        read = ReadThrough(
            cache,
            "n",
            Lifetimes(fresh_ns=60 * S),
            load=source.load,
            options=ReadOptions(early_beta=0),
            pending=behind,
            clock=clock,
        )
        assert await read.get_many(["a", "b"]) == {"a": b"old", "b": b"old"}
        await behind.put("a", b"1")
        assert await read.get("a") == b"1"
        await behind.put("a", b"2")
        await behind.delete("b")
        assert await read.get_many(["a", "b"]) == {"a": b"2"}
        source.values = {"a": b"2"}
        sink.open.set()
        await until(lambda: behind.lag_entries == 0)
        assert behind.pending("a") is None
        assert await read.get_many(["a", "b"]) == {"a": b"2"}
        assert sorted(source.loads) == [("a",), ("a",), ("b",), ("b",)]


async def test_writes_stay_pending_until_the_cache_has_forgotten(opening, sink):
    cache = FailingCache()
    cache.failing = {"delete"}
    async with await opening(sink, cache=cache) as behind:
        await behind.put("a", b"1")
        await until(lambda: sink.done)
        cache.error = RuntimeError("of a kind that a cache should not raise")
        await behind.put("b", b"1")
        await until(lambda: len(sink.done) == 2)
        assert behind.pending("a").value == b"1"
        cache.failing = set()
        await until(lambda: behind.lag_entries == 0)
        assert behind.pending("a") is None


async def test_what_was_carried_out_is_forgotten_by_the_cache_after_a_crash(
    cache, opening, sink, clock
):
    source = Source(a=b"old")
    failing = FailingCache()
    failing.failing = {"delete"}
    behind = await opening(sink, cache=failing)
    await behind.put("a", b"1")
    await until(lambda: sink.done)
    await abandon(behind)
    read = ReadThrough(cache, "n", Lifetimes(fresh_ns=60 * S), load=source.load, clock=clock)
    assert await read.get("a") == b"old"
    source.values["a"] = b"1"
    async with await opening(sink):
        assert await read.get("a") == b"1"


async def test_lag_is_a_metric(opening, sink, clock):
    metrics = StrategyMetrics()
    sink.open.clear()
    async with await opening(sink, metrics=metrics, clock=clock) as behind:
        await behind.put("k", b"123")
        await behind.put("k", b"123")
        clock.now_ns += 7 * S
        behind._lag.tell(behind._backlog, clock())
        families = (metrics.entries, metrics.size_bytes, metrics.age)
        assert [family.rows() for family in families] == [
            [(("n",), 2.0)],
            [(("n",), 8.0)],
            [(("n",), 7.0)],
        ]
        sink.open.set()
    assert [family.rows()[0][1] for family in families] == [0, 0, 0]


async def test_a_second_process_is_refused(opening, sink, directory, environment):
    async with await opening(sink):
        with pytest.raises(WriteLogLockedError) as refused:
            await opening(sink)
        program = (
            "import sys, pathlib\n"
            "from blrcs.cache.strategies.log.directory import LogDirectory\n"
            "LogDirectory.hold(pathlib.Path(sys.argv[1]))\n"
        )
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, directory, env=environment, stderr=subprocess.PIPE
        )
        _, told = await other.communicate()
        assert b"another process writes this log" in told.splitlines()[-1]
    assert str(refused.value) == f"{directory}: another process writes this log"
    async with await opening(sink):
        pass


async def test_a_place_that_cannot_be_used_is_named(opening, sink, directory):
    directory.write_text("a file")
    with pytest.raises(WriteLogUnwritableError) as refused:
        await opening(sink)
    assert str(refused.value) == f"{directory}: cannot be used: File exists"


async def test_where_the_sink_cannot_be_asked_the_log_is_not_opened_and_stays_free(opening, sink):
    class Away(MemorySink):
        async def applied(self, log):
            raise UnavailableError("DATABASE_UNAVAILABLE", "away")

    with pytest.raises(UnavailableError):
        await opening(Away())
    async with await opening(sink) as behind:
        await behind.put("a", b"1")
    assert sink.values == {"a": b"1"}


async def test_after_closing_nothing_is_taken(opening, sink):
    behind = await opening(sink)
    await behind.close()
    await behind.close()
    with pytest.raises(UnavailableError) as refused:
        await behind.put("a", b"1")
    assert refused.value.reason == "WRITE_LOG_CLOSED"


async def test_closing_waits_for_what_is_not_logged_yet(opening, sink):
    behind = await opening(sink)
    puts = [asyncio.create_task(behind.put(f"k{number}", b"")) for number in range(100)]
    await asyncio.sleep(0)
    await behind.close()
    await asyncio.gather(*puts)
    assert len(sink.done) == 100


async def test_a_caller_that_is_cancelled_stops_nobody_else(opening, sink):
    async with await opening(sink) as behind:
        puts = [asyncio.create_task(behind.put(f"k{number}", b"")) for number in range(10)]
        await asyncio.sleep(0)
        puts[0].cancel()
        await asyncio.gather(*puts[1:])
    assert {f"k{number}" for number in range(1, 10)} <= set(sink.values)
    assert sink.sequences == list(range(1, len(sink.done) + 1))


async def test_a_sink_without_transactions_is_told_again_after_a_crash(opening):
    told = []

    async def write(writes):
        told.extend((write.key, write.value) for write in writes)

    behind = await opening(AtLeastOnceSink(write))
    await behind.put("a", b"1")
    await until(lambda: behind.lag_entries == 0)
    await abandon(behind)
    async with await opening(AtLeastOnceSink(write)):
        pass
    assert told == [("a", b"1"), ("a", b"1")]


@pytest.mark.parametrize("wrong", [{"max_entries": 0}, {"max_value_bytes": 1 << 30}])
def test_options_are_within_their_bounds(wrong):
    with pytest.raises(ValueError):
        WriteBehindOptions(**wrong)


async def test_where_a_file_cannot_be_removed_it_is_tried_again(
    opening, sink, directory, monkeypatch
):
    from pathlib import Path

    unlink, fails = Path.unlink, True

    def failing(path, **options):
        if fails and path.suffix == ".log":
            raise OSError(errno.EIO, "no")
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", failing)
    async with await opening(sink, segment_bytes=4096) as behind:
        for _ in range(5):
            await behind.put("a", bytes(4096))
        await until(lambda: behind.lag_entries == 0)
        fails = False
        await behind.put("a", b"")
    assert len(files(directory)) == 1


async def test_that_writes_are_carried_out_no_more_is_told_at_once(opening, sink):
    behind = await opening(sink, drain_timeout_ns=1)
    with structlog.testing.capture_logs() as told:
        behind._backlog.take = None  # nothing that is foreseen ends it
        await behind.put("a", b"1")
        await until(lambda: told)
    assert [line["event"] for line in told] == [
        "a write-behind has stopped: its log has to be opened anew"
    ]
    await behind.close()
    async with await opening(sink):
        pass
    assert sink.values == {"a": b"1"}
