"""Has a running server go by its signing keys as they change on disk."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import structlog
import watchfiles

from blrcs.application.ports.clock import Clock
from blrcs.security.key_file import KeyFileError
from blrcs.security.key_ring import KeyRing
from blrcs_native.tokens.verifier import TokenVerifier

LOOK_ANYWAY_MS = 5_000
GATHER_MS = 50
APART_NS = 1_000_000
"""A flood of tokens with unknown keys has the directory looked at no more often than that."""

log = structlog.get_logger("blrcs.keys")

Watch = Callable[[Path], AsyncGenerator[Any, None]]
"""Yields whenever something in a directory may have changed."""


async def watch_keys(directory: Path) -> AsyncGenerator[Any, None]:
    """Yields within some ten milliseconds of a change, and every five seconds in any case."""
    async for changes in watchfiles.awatch(
        directory,
        watch_filter=None,
        recursive=False,
        debounce=GATHER_MS,
        step=10,
        rust_timeout=LOOK_ANYWAY_MS,
        yield_on_timeout=True,
    ):
        yield changes


class KeyFollower:
    """Gives a verifier the keys to trust, and tells of those that were retired.

    A worker looks as well when a token names a key that it does not know: another one may have read
    of it, and signed with it, a moment before.

    Args:
        ring: What is read.
        verifier: What verifies the tokens that these keys sign.
        directory: Where the keys lie.
        revoke: Has all that a key signed refused, everywhere, and stores that; whether that was not
            stored before. Told of each retired key once, and again where it raised.
        watch: Tells that the directory may have changed.
        monotonic: Nanoseconds that go by.
        pause_s: How long to wait where it cannot be watched.
    """

    def __init__(
        self,
        ring: KeyRing,
        verifier: TokenVerifier,
        *,
        directory: Path,
        revoke: Callable[[str], Awaitable[bool]],
        watch: Watch = watch_keys,
        monotonic: Clock = time.monotonic_ns,
        pause_s: float = LOOK_ANYWAY_MS / 1000,
    ) -> None:
        self._ring = ring
        self._verifier = verifier
        self._directory = directory
        self._revoke = revoke
        self._watch = watch
        self._monotonic = monotonic
        self._pause_s = pause_s
        self._looked_ns = monotonic() - APART_NS
        self._revoked: set[str] = set()
        self._trusted = [key.kid for key in verifier.keyset]
        verifier.look_for_keys(self._look_for_key)

    def look(self) -> bool:
        """Reads what has changed on disk, and whether something had. Does not raise."""
        try:
            changed = self._ring.refresh()
        except KeyFileError as error:
            # One line says it all, and comes again at every look.
            log.error("signing keys unreadable, the last stay", problem=str(error))  # noqa: TRY400
            return False
        if changed:
            self._trust()
        return changed

    async def settle(self) -> None:
        """Does what changes and time ask for; to be called now and then."""
        self.look()
        self._trust()
        for kid in self._ring.retired:
            if kid not in self._revoked:
                is_new = await self._revoke(kid)
                self._revoked.add(kid)
                if is_new:
                    log.warning("signing key retired", kid=kid)

    async def run(self) -> None:
        """Settles at every change, until it is cancelled."""
        while True:
            try:
                async with aclosing(self._watch(self._directory)) as changes:
                    async for _ in changes:
                        await self._try_to_settle()
            except OSError as error:
                # The system's watches are used up, or the directory has gone.
                log.warning("signing keys cannot be watched", problem=str(error))
            await self._try_to_settle()
            await asyncio.sleep(self._pause_s)

    async def _try_to_settle(self) -> None:
        try:
            await self.settle()
        except Exception:  # the next change, or the next look, tries again
            log.exception("signing keys could not be settled")

    def _look_for_key(self) -> bool:
        now_ns = self._monotonic()
        if now_ns - self._looked_ns < APART_NS:
            return False
        self._looked_ns = now_ns
        return self.look()

    def _trust(self) -> None:
        keyset = self._ring.keyset()
        kids = [key.kid for key in keyset]
        if kids != self._trusted:
            self._trusted = kids
            self._verifier.replace_keyset(keyset)
            log.info("signing keys in force", kids=kids)
