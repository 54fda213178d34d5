"""Readers and writers in any order of their steps: nobody reads what is older than acknowledged."""

import asyncio
from collections.abc import Collection, Sequence
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from blrcs.cache.memory import MemoryCache
from blrcs.cache.strategies import CacheAside, Lifetimes, ReadOptions, ReadThrough, WriteThrough
from blrcs.config.cache import Cache
from blrcs.domain.cache_entry import CacheEntry, SetCondition
from tests.integration.cache_strategies.sources import settle

LIFETIMES = Lifetimes(fresh_ns=10**12, negative_ns=10**12)
WRITERS = ("invalidating", "through")
READERS = ("aside", "here", "elsewhere")


class Gate:
    """Where tasks wait until it is their turn: always that of the most urgent one.

    At some steps the one that has just had its turn becomes the least urgent of all. Few such
    changes find what depends on order (Burckhardt et al.: A Randomized Scheduler with Probabilistic
    Guarantees of Finding Bugs, 2010).
    """

    def __init__(self, urgency: Sequence[int], changes: Collection[int]) -> None:
        self._given = iter(urgency)
        self._changes = changes
        self._urgency: dict[asyncio.Task[None], int] = {}
        self._waiting: dict[asyncio.Task[None], asyncio.Future[None]] = {}
        self._step = 0

    async def __call__(self) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._urgency.setdefault(task, next(self._given, 0))
        turn = self._waiting[task] = asyncio.get_running_loop().create_future()
        await turn

    async def let_all_go(self) -> None:
        """Gives turns until nobody waits."""
        await settle()
        while self._waiting:
            self._step += 1
            task = max(self._waiting, key=self._urgency.__getitem__)
            if self._step in self._changes:
                self._urgency[task] = -self._step
            self._waiting.pop(task).set_result(None)
            await settle()


class GatedCache(MemoryCache):
    """Each of its steps takes a turn to be asked, and one to be answered."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(Cache())
        self._gate = gate

    async def get(self, namespace: str, key: str) -> CacheEntry | None:
        await self._gate()
        entry = await super().get(namespace, key)
        await self._gate()
        return entry

    async def set(
        self,
        namespace: str,
        key: str,
        value: bytes,
        content_type: str,
        ttl_ns: int | None,
        condition: SetCondition,
    ) -> int | None:
        await self._gate()
        version = await super().set(namespace, key, value, content_type, ttl_ns, condition)
        await self._gate()
        return version

    async def delete(self, namespace: str, key: str) -> bool:
        await self._gate()
        deleted = await super().delete(namespace, key)
        await self._gate()
        return deleted


class Stage:
    """A store of one value, whose history is known, and who reads and writes it."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.history = [b"0"]
        self.acknowledged = 0
        cache = GatedCache(self.gate)
        self.aside = CacheAside(cache, "n", LIFETIMES)
        self.reads = {
            name: ReadThrough(
                cache, "n", LIFETIMES, load=self._load, options=ReadOptions(early_beta=0)
            )
            for name in ("here", "elsewhere")
        }
        self.through = WriteThrough(cache, "n", self._write, LIFETIMES)

    async def play(self, number: int, who: str) -> None:
        await self.gate()
        if who in READERS:
            await self._read(who)
            return
        value = b"%d" % (number + 1)
        if who == "through":
            await self.through.put("k", value)
        else:
            await self._write("k", value)
            await self.aside.invalidate("k")
        self.acknowledged = max(self.acknowledged, self.history.index(value))

    async def _read(self, who: str) -> None:
        least = self.acknowledged
        if who == "aside":
            value = await self.aside.get_or_load("k", lambda: self._load("k"))
        else:
            value = await self.reads[who].get("k")
        assert value is not None
        age = self.history.index(value)
        assert age >= least, f"{who} read write {age} after write {least} was acknowledged"

    async def _write(self, key: str, value: bytes | None) -> None:
        assert value is not None
        await self.gate()
        self.history.append(value)
        await self.gate()

    async def _load(self, key: str) -> bytes:
        await self.gate()
        value = self.history[-1]
        await self.gate()
        return value


async def play(parts: Sequence[str], gate: Gate) -> None:
    stage = Stage(gate)
    tasks = [asyncio.create_task(stage.play(*part)) for part in enumerate(parts)]
    await gate.let_all_go()
    await asyncio.gather(*tasks)
    last = asyncio.create_task(stage.play(-1, "here"))
    await gate.let_all_go()
    await last


@settings(max_examples=200)
@given(
    parts=st.lists(st.sampled_from(READERS + WRITERS), min_size=2, max_size=5),
    urgency=st.permutations(range(12)),
    changes=st.sets(st.integers(1, 40), max_size=4),
)
def test_nobody_reads_what_is_older_than_a_write_that_was_acknowledged_before(
    parts, urgency, changes
):
    asyncio.run(play(parts, Gate(urgency, changes)))
