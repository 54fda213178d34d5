import asyncio

import pytest

from blrcs.cache.strategies import (
    StrategyMetrics,
    read_dead_letters,
)
from blrcs.domain.errors import (
    InvalidArgumentError,
    OutcomeUnknownError,
    ResourceExhaustedError,
    UnavailableError,
)
from tests.integration.cache_strategies.write_behind.world import (
    MS,
    S,
    abandon,
    until,
)


@pytest.mark.parametrize(
    "error",
    [
        UnavailableError("R", "away"),
        OutcomeUnknownError("R", "lost at the commit"),
        TimeoutError(),
        ConnectionResetError(),
        asyncio.CancelledError(),  # as of a client whose channel somebody closes
    ],
)
async def test_trouble_of_the_sink_is_waited_out(opening, sink, error):
    sink.error = error
    metrics = StrategyMetrics()
    async with await opening(sink, metrics=metrics, max_attempts=1) as behind:
        await behind.put("a", b"1")
        await until(lambda: sink.attempts > 5)
        sink.error = None
    assert sink.done == [("a", b"1")]
    failed_of = {of: count for (_, of), count in metrics.failures.rows() if count}
    assert failed_of.keys() == {"sink"}


async def test_a_batch_whose_answer_is_lost_has_no_second_effect(opening, sink):
    sink.lost_answers = 3
    async with await opening(sink) as behind:
        await asyncio.gather(*(behind.put("k", b"%d" % number) for number in range(20)))
    assert sink.sequences == list(range(1, 21))


async def test_a_sink_that_takes_too_long_is_asked_again(opening, sink):
    sink.open.clear()
    async with await opening(sink, apply_timeout_ns=MS) as behind:
        await behind.put("a", b"1")
        await until(lambda: sink.attempts > 2)
        sink.open.set()
    assert sink.done == [("a", b"1")]


async def test_a_refused_write_is_set_aside_and_holds_up_its_own_key_alone(
    opening, sink, directory, clock
):
    sink.refuses = lambda write: write.value == b"bad"
    metrics = StrategyMetrics()
    async with await opening(
        sink, metrics=metrics, monotonic=clock, longest_pause_ns=S, first_pause_ns=S,
        max_attempts=3,
    ) as behind:  # fmt: skip
        await behind.put("a", b"1")
        await until(lambda: sink.done)
        sink.open.clear()
        await behind.put("first", b"")
        await sink.begun.wait()
        for key, value in (("a", b"bad"), ("a", b"2"), ("b", b"1")):  # are one batch
            await behind.put(key, value)
        sink.open.set()
        await until(lambda: ("b", b"1") in sink.done)
        await behind.put("a", b"3")
        await behind.put("b", b"2")
        await until(lambda: ("b", b"2") in sink.done)
        assert sink.done == [("a", b"1"), ("first", b""), ("b", b"1"), ("b", b"2")]
        assert behind.pending("a").value == b"3"
        for refusals in (3, 4):  # the first was that of its batch
            clock.now_ns += S
            behind._delivery.wake()
            await until(lambda count=refusals: sink.refusals == count)
    assert sink.done[4:] == [("a", b"2"), ("a", b"3")]
    (letter,) = read_dead_letters(directory)
    assert (letter.write.key, letter.write.value, letter.write.sequence) == ("a", b"bad", 3)
    assert letter.problem == "WriteRefusedError: a"
    counted = {outcome: count for (_, outcome), count in metrics.applied.rows()}
    assert counted == {"applied": 6, "set aside": 1}


async def test_held_writes_are_carried_out_once_after_a_crash(opening, sink):
    sink.refuses = lambda write: write.value == b"bad"
    behind = await opening(sink, first_pause_ns=3600 * S, longest_pause_ns=3600 * S)
    for key, value in (("a", b"bad"), ("a", b"1"), ("b", b"1"), ("a", b"2"), ("b", b"2")):
        await behind.put(key, value)
    await until(lambda: ("b", b"2") in sink.done)
    await abandon(behind)
    (applied,) = sink.taken_down.values()
    assert (applied.up_to, applied.but) == (5, {1, 2, 4})
    sink.refuses = lambda write: False
    async with await opening(sink, batch_entries=1) as behind:
        assert behind.pending("a").value == b"2"
        await behind.put("a", b"3")
    assert [value for key, value in sink.done if key == "a"] == [b"bad", b"1", b"2", b"3"]
    assert [value for key, value in sink.done if key == "b"] == [b"1", b"2"]


async def test_a_dead_letter_is_not_tried_again_after_a_crash(opening, sink, directory):
    sink.refuses = lambda write: write.value == b"bad"
    behind = await opening(sink, max_attempts=1)
    await behind.put("a", b"bad")
    await until(lambda: behind.lag_entries == 0)
    await abandon(behind)
    sink.refuses = lambda write: False
    async with await opening(sink) as behind:
        await behind.put("a", b"1")
    assert sink.done == [("a", b"1")]
    assert len(list(read_dead_letters(directory))) == 1


async def test_a_dead_letter_that_cannot_be_kept_is_not_let_go(opening, sink, directory):
    sink.refuses = lambda write: write.value == b"bad"
    directory.mkdir()
    (directory / "dead_letters.jsonl").symlink_to(directory / "none" / "there")
    async with await opening(sink, max_attempts=1) as behind:
        await behind.put("a", b"bad")
        await behind.put("b", b"1")
        await until(lambda: ("b", b"1") in sink.done and sink.attempts > 6)
        assert behind.pending("a").value == b"bad"
        (directory / "dead_letters.jsonl").unlink()
    assert len(list(read_dead_letters(directory))) == 1


async def test_an_error_of_a_write_counts_only_while_the_sink_carries_out_others(
    opening, sink, directory
):
    sink.breaks = lambda write: True
    async with await opening(sink, max_attempts=3) as behind:
        await behind.put("a", b"1")
        await behind.put("b", b"1")
        await until(lambda: sink.attempts > 30)
        assert list(read_dead_letters(directory)) == []
        sink.breaks = lambda write: write.key == "a"
        for number in range(20):
            await behind.put("c", b"%d" % number)
            await until(lambda: behind.pending("c") is None)
        await until(lambda: behind.lag_entries == 0)
    assert [letter.write.key for letter in read_dead_letters(directory)] == ["a"]
    assert sink.values == {"b": b"1", "c": b"19"}


async def test_too_many_held_writes_hold_up_all(opening, sink):
    sink.refuses = lambda write: write.key == "a"
    hour = {"first_pause_ns": 3600 * S, "longest_pause_ns": 3600 * S, "drain_timeout_ns": 1}
    async with await opening(sink, max_held=2, batch_entries=1, **hour) as behind:
        for number in range(2):
            await behind.put("a", b"%d" % number)
        await until(lambda: sink.attempts)
        await behind.put("b", b"1")
        assert ("b", b"1") not in sink.done
    sink.refuses = lambda write: False
    async with await opening(sink):
        pass
    assert sink.done == [("a", b"0"), ("a", b"1"), ("b", b"1")]


async def test_the_backlog_is_bounded_by_writes(opening, sink):
    metrics = StrategyMetrics()
    sink.open.clear()
    async with await opening(sink, metrics=metrics, max_entries=3) as behind:
        for number in range(3):
            await behind.put("k", b"%d" % number)
        with pytest.raises(ResourceExhaustedError) as refused:
            await behind.put("k", b"3")
        assert refused.value.reason == "WRITE_BEHIND_FULL"
        assert refused.value.retry_after_ns
        sink.open.set()
        await until(lambda: behind.lag_entries == 0)
        await behind.put("k", b"4")
    assert [value for _, value in sink.done] == [b"0", b"1", b"2", b"4"]
    counted = {outcome: count for (_, outcome), count in metrics.logged.rows()}
    assert counted == {"logged": 4, "refused": 1}


async def test_the_backlog_is_bounded_before_writes_are_on_disk(opening, sink):
    sink.open.clear()
    async with await opening(sink, max_entries=3) as behind:
        puts = [behind.put("k", b"%d" % number) for number in range(10)]
        results = await asyncio.gather(*puts, return_exceptions=True)
        assert sum(isinstance(result, ResourceExhaustedError) for result in results) == 7
        sink.open.set()


async def test_the_backlog_is_bounded_by_bytes_on_disk(opening, sink):
    sink.open.clear()
    async with await opening(sink, max_log_bytes=10_000, segment_bytes=4096) as behind:
        for _ in range(3):
            await behind.put("k", bytes(4000))
        with pytest.raises(ResourceExhaustedError):
            await behind.put("k", b"")
        sink.open.set()
        await until(lambda: behind.lag_entries == 0 and behind._writer.log_bytes < 10_000)
        await behind.put("k", b"")


@pytest.mark.parametrize(("key", "value"), [("k" * 65536, b""), ("k", bytes(101)), ("\ud800", b"")])
async def test_keys_and_values_have_bounds(opening, sink, key, value):
    async with await opening(sink, max_value_bytes=100) as behind:
        with pytest.raises(InvalidArgumentError):
            await behind.put(key, value)
        await behind.put("ä" * 32767, bytes(100))
    assert sink.values == {"ä" * 32767: bytes(100)}
