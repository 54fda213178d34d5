"""Building indexes that were declared later, and dropping those that are declared no more."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from blrcs.application.collections.indexed_reads import GOOD_FOR_NS
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.index_builds import IndexBuilds
from blrcs.domain.record_name import CollectionKey

OUTLIVED_AFTER_NS = 2 * GOOD_FOR_NS
NS_PER_S = 1_000_000_000


class _Seen(NamedTuple):
    etag: str
    since_ns: int


class BuildIndexes:
    """Does what is to be done, a step at a time. To be called regularly, by one of all workers.

    Of several machines one at a time works at a collection. Between two steps it rests for as long
    as one takes, so that others come to write.

    Args:
        builds: Takes the steps.
        holder: Tells this process from all others.
        monotonic: Nanoseconds of a clock that is never set.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        *,
        builds: IndexBuilds,
        holder: str,
        monotonic: Clock = time.monotonic_ns,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._builds = builds
        self._holder = holder
        self._monotonic = monotonic
        self._sleep = sleep
        self._seen: dict[CollectionKey, _Seen] = {}

    async def __call__(self) -> None:
        """All that can be done now."""
        while keys := await self._builds.pending():
            self._seen = {key: self._seen[key] for key in keys if key in self._seen}
            if not await self._round(keys):
                return

    async def _round(self, keys: Sequence[CollectionKey]) -> bool:
        """Whether there is more to be done at once.

        What keeps one from being built holds no other up, and is raised at the end.
        """
        has_more = False
        failure: Exception | None = None
        for key in keys:
            try:
                has_more |= await self._step(key)
            except Exception as error:  # noqa: BLE001 - raised below
                failure = error
        if failure is not None:
            raise failure
        return has_more

    async def _step(self, key: CollectionKey) -> bool:
        """Whether there is more to be done at once."""
        begun_ns = self._monotonic()
        seen = self._seen.get(key)
        is_old = seen is not None and begun_ns - seen.since_ns >= OUTLIVED_AFTER_NS
        step = await self._builds.step(
            key,
            holder=self._holder,
            outlived=seen.etag if seen is not None and is_old else "",
        )
        if step is None:
            self._seen.pop(key, None)
            return False
        now_ns = self._monotonic()
        if seen is None or seen.etag != step.etag:
            # By a clock of its own, and from when it was surely stored.
            self._seen[key] = _Seen(step.etag, now_ns)
        await self._sleep((now_ns - begun_ns) / NS_PER_S)
        return step.has_more
