"""Keeps the keys of one issuer up to date."""

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import structlog

from blrcs.application.ports.clock import Clock
from blrcs.security.issuers.egress import EgressError
from blrcs.security.issuers.key_set import KeySource, PublishedKeys
from blrcs.security.issuers.own_thread import on_own_thread
from blrcs_native.tokens.keys import Keyset

NS_PER_S = 1_000_000_000
SHORTEST_S = 60
LONGEST_S = 3_600
FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 60.0
BETWEEN_LOOKS_S = 10.0
"""A flood of tokens with unknown keys has an issuer asked no more often than that."""
MAX_WAITING = 64
"""So many calls wait for an issuer's answer at a time: few of a worker's."""

log = structlog.get_logger("blrcs.issuers")


class Asked(Protocol):
    """What is told that an issuer was asked."""

    def __call__(self, *, fetched: bool) -> None:
        """``fetched``: Its keys were had."""


@dataclass(slots=True)
class Pace:
    """When an issuer is asked next, by what came of the last times."""

    failures: int = 0
    jitter: Callable[[], float] = field(default=random.random)

    def after_success(self, max_age_s: int | None) -> float:
        """How long to wait: what the issuer says, within bounds."""
        self.failures = 0
        return float(min(max(max_age_s or SHORTEST_S, SHORTEST_S), LONGEST_S))

    def after_failure(self) -> float:
        """How long to wait: twice as long each time, and never all servers at once."""
        longest: float = min(FIRST_RETRY_S * 2**self.failures, LONGEST_RETRY_S)
        self.failures = min(self.failures + 1, 16)
        return longest * (0.5 + self.jitter() / 2)


class IssuerFollower:
    """Fetches the keys ahead of their time, again and again, one fetch at a time.

    Where the issuer cannot be reached the last keys stay for ``stale_ns`` beyond their time, then
    none are trusted.

    Args:
        source: Where they are; asked on a thread.
        trust: Given the keys whenever they change; None when none are trusted any more.
        stale_ns: How long keys stay that cannot be fetched anew.
        clock: Nanoseconds that go by.
        asked: Told what came of each time that it was asked.
    """

    def __init__(
        self,
        source: KeySource,
        *,
        trust: Callable[[Keyset | None], None],
        stale_ns: int,
        clock: Clock,
        asked: Asked | None = None,
        pace: Pace | None = None,
        between_looks_s: float = BETWEEN_LOOKS_S,
    ) -> None:
        self._source = source
        self._trust = trust
        self._stale_ns = stale_ns
        self._clock = clock
        self._asked = asked
        self._pace = pace or Pace()
        self._between_looks_s = between_looks_s
        self._wanted = asyncio.Event()
        self._answer: asyncio.Future[None] | None = None
        self._waiting = 0
        self._keyset: Keyset | None = None
        self._names: list[str] = []
        self._good_until_ns = 0

    def want(self) -> asyncio.Future[None] | None:
        """A token names a key that is not known: has the issuer asked soon. Never waits.

        Returns what is done when the issuer has been asked, where it is asked at once; None where
        somebody had it asked a moment ago, or too many wait.
        """
        self._wanted.set()
        if self._answer is None or self._waiting >= MAX_WAITING:
            return None
        self._waiting += 1
        return self._answer

    async def run(self) -> None:
        """Until it is cancelled."""
        wait_s = 0.0
        while True:
            answer = self._answer = asyncio.get_running_loop().create_future()
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._wanted.wait()
                was_due = wait_s <= 0.0 or not self._wanted.is_set()
                wait_s = await self.fetch()
            finally:
                # Also where it ends: nobody waits for what does not come. Whoever has not got what
                # it wanted wants it again.
                self._wanted.clear()
                self._answer, self._waiting = None, 0
                if not answer.done():
                    answer.set_result(None)
            # The next one is due then; or sooner where somebody wants it. An issuer may sign by a
            # new key right after it was asked because that was due: who wants it then gets it at
            # once, and all others not so soon.
            may_follow = was_due and not self._pace.failures
            pause_s = 0.0 if may_follow else min(self._between_looks_s, wait_s)
            wait_s -= pause_s
            await asyncio.sleep(pause_s)

    async def fetch(self) -> float:
        """Asks once, and tells how many seconds may pass until the next time."""
        fetched = False
        try:
            published = await on_own_thread(partial(self._source.fetch, self._keyset))
        except EgressError as error:
            return self._failed(str(error))
        except Exception as error:
            log.exception("an issuer's keys could not be read", issuer=self._source.issuer)
            return self._failed(type(error).__name__)
        else:
            fetched = True
            return self._succeeded(published)
        finally:
            if self._asked is not None:
                self._asked(fetched=fetched)

    def _succeeded(self, published: PublishedKeys) -> float:
        wait_s = self._pace.after_success(published.max_age_s)
        names = [key.kid for key in published.keyset]
        if names != self._names:
            log.info(
                "keys of an issuer are known",
                issuer=self._source.issuer,
                keys=names,
                passed_over=list(published.passed_over),
            )
        self._names = names
        self._keyset = published.keyset
        self._good_until_ns = self._clock() + int(wait_s * NS_PER_S) + self._stale_ns
        self._trust(published.keyset)
        return wait_s

    def _failed(self, problem: str) -> float:
        log.warning("an issuer's keys cannot be had", issuer=self._source.issuer, problem=problem)
        if self._keyset is not None and self._clock() >= self._good_until_ns:
            log.error("an issuer is trusted no longer", issuer=self._source.issuer)
            self._keyset, self._names = None, []
            self._trust(None)
        return self._pace.after_failure()
