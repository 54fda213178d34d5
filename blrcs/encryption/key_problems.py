"""Tells the log why keys cannot be used. Callers are not told so much."""

import time

import structlog

from blrcs.application.ports.clock import Clock
from blrcs.domain.record_name import CollectionKey
from blrcs.encryption.stored_key import described

AGAIN_NS = 60 * 1_000_000_000
MAX_TOLD = 1024

log = structlog.get_logger("blrcs.encryption")


class KeyProblems:
    """Says each problem once a minute, however many calls meet it.

    Args:
        monotonic: Nanoseconds that go by.
    """

    def __init__(self, monotonic: Clock = time.monotonic_ns) -> None:
        self._monotonic = monotonic
        self._told: dict[tuple[CollectionKey, str], int] = {}

    def met(self, scope: CollectionKey, error: Exception) -> None:
        """The keys of a scope cannot be used."""
        problem, now_ns = str(error), self._monotonic()
        told_ns = self._told.get((scope, problem))
        if told_ns is not None and now_ns - told_ns < AGAIN_NS:
            return
        if len(self._told) >= MAX_TOLD:
            self._told.clear()
        self._told[scope, problem] = now_ns
        log.error("keys cannot be used", keys=described(scope), problem=problem)
