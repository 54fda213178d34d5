"""Passwords hashed by Argon2id, off the event loop."""

import asyncio
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from blrcs.application.ports.credentials import PasswordVerdict
from blrcs.domain.errors import ResourceExhaustedError

Result = TypeVar("Result")

# OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane. About 20 ms on one core.
DEFAULT_MEMORY_KIB = 19 * 1024
DEFAULT_PASSES = 2
DEFAULT_LANES = 1
DEFAULT_WORKERS = 2
DEFAULT_QUEUE_SIZE = 64


class Argon2PasswordHasher:
    """Implements the PasswordHasher port on a few threads with a bounded queue.

    The hash that stands in for a user who does not exist has the parameters given here: a user
    whose hash has older ones can be told by the time until the next sign-in renews it.

    Args:
        workers: Passwords hashed at once; each takes ``memory_kib``.
        queue_size: Passwords that may wait beyond those; more are refused.
    """

    def __init__(
        self,
        *,
        memory_kib: int = DEFAULT_MEMORY_KIB,
        passes: int = DEFAULT_PASSES,
        lanes: int = DEFAULT_LANES,
        workers: int = DEFAULT_WORKERS,
        queue_size: int = DEFAULT_QUEUE_SIZE,
    ) -> None:
        self._argon2 = argon2.PasswordHasher(
            time_cost=passes, memory_cost=memory_kib, parallelism=lanes
        )
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="password-hasher")
        self._places = threading.BoundedSemaphore(workers + queue_size)
        self._stand_in = self._argon2.hash("")

    async def hash(self, password: str) -> str:
        """See the port."""
        return await self._run(self._argon2.hash, password)

    async def verify(self, password_hash: str | None, password: str) -> PasswordVerdict:
        """See the port. A stored hash that is none matches nothing."""
        if password_hash is None:
            await self._run(self._matches, self._stand_in, password)
            return PasswordVerdict(matches=False)
        matches = await self._run(self._matches, password_hash, password)
        if not matches:
            return PasswordVerdict(matches=False)
        needs_rehash = self._argon2.check_needs_rehash(password_hash)
        return PasswordVerdict(matches=True, needs_rehash=needs_rehash)

    def close(self) -> None:
        """Drops what waits, and blocks for what runs."""
        self._pool.shutdown(cancel_futures=True)

    def _matches(self, password_hash: str, password: bytes) -> bool:
        try:
            return self._argon2.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[..., Result], *args: str) -> Result:
        *others, password = args
        if not self._places.acquire(blocking=False):
            raise ResourceExhaustedError(
                "PASSWORD_HASHING_BUSY", "too many passwords wait to be verified"
            )
        try:
            future = self._pool.submit(work, *others, _octets(password))
        except BaseException:
            self._places.release()
            raise
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def _leave(self, _: Future[Result]) -> None:
        self._places.release()


def _octets(password: str) -> bytes:
    """The same octets for what looks the same on any keyboard (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password).encode()
