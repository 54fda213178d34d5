"""Who is woken, and when."""

import asyncio

import pytest

from blrcs.domain.errors import ResourceExhaustedError, UnavailableError
from blrcs.domain.record_name import CollectionKey
from blrcs.records.change_signal import LocalChangeSignal
from blrcs.workers.memory import own_stamps
from blrcs_native.shared.generation import Generation

ONE, OTHER = CollectionKey("acme", "one"), CollectionKey("acme", "other")
LONG_S = 3600.0


async def test_a_change_wakes_who_watches_its_collection():
    signal = LocalChangeSignal(interval_s=LONG_S)
    with signal.watching(ONE) as one, signal.watching(ONE) as same, signal.watching(OTHER) as other:
        for waker in (one, same, other):
            waker.reset()
        waiting = [asyncio.ensure_future(each.wait()) for each in (one, same, other)]
        await asyncio.sleep(0)
        signal.tell(ONE)
        await asyncio.gather(*waiting[:2])
        assert not waiting[2].done()
        waiting[2].cancel()


async def test_a_change_is_told_by_the_stamps_of_what_it_concerns():
    memory = own_stamps()
    signal = LocalChangeSignal(interval_s=LONG_S, stamps=memory)

    def stamps():
        names = ONE.record("a").name, ONE.record("b").name, OTHER.record("a").name
        return [memory.of(name.rpartition("/records/")[0]).stamp(name) for name in names]

    assert stamps() == [0, 0, 0]
    signal.tell(ONE, ["a"])
    assert stamps() == [1, 0, 0]
    signal.tell(ONE, ())
    assert stamps() == [1, 0, 0]
    signal.tell(ONE)
    assert stamps() == [2, 1, 0]


async def test_what_happens_between_reset_and_wait_is_not_missed():
    signal = LocalChangeSignal(interval_s=LONG_S)
    with signal.watching(ONE) as waker:
        waker.reset()
        signal.tell(ONE)
        await waker.wait()
        waker.reset()
        waiting = asyncio.ensure_future(waker.wait())
        await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()


async def test_who_is_not_woken_looks_after_a_while():
    signal = LocalChangeSignal(interval_s=0.001)
    with signal.watching(ONE) as waker:
        waker.reset()
        await waker.wait()


async def test_another_process_wakes_everybody_as_long_as_somebody_watches():
    memory = bytearray(8)
    here, there = [
        LocalChangeSignal(interval_s=LONG_S, generation=Generation(memory)) for _ in range(2)
    ]
    for _ in range(2):
        with here.watching(ONE) as waker:
            waker.reset()
            there.tell(OTHER)
            await waker.wait()
        assert here._looking is not None
        here._look()
        assert here._looking is None


async def test_all_are_let_go_at_the_end():
    signal = LocalChangeSignal(interval_s=LONG_S)
    with signal.watching(ONE) as waker, signal.watching(OTHER) as busy:
        waker.reset()
        waiting = asyncio.ensure_future(waker.wait())
        await asyncio.sleep(0)
        signal.finish()
        with pytest.raises(UnavailableError):
            await waiting
        with pytest.raises(UnavailableError):
            busy.reset()
    with pytest.raises(UnavailableError), signal.watching(ONE):
        pass


async def test_there_is_room_for_so_many():
    signal = LocalChangeSignal(interval_s=LONG_S, max_watchers=1)
    with signal.watching(ONE), pytest.raises(ResourceExhaustedError), signal.watching(OTHER):
        pass
    with signal.watching(OTHER):
        pass
    assert not signal._watching
