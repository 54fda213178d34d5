"""Passwords hashed by Argon2id, off the event loop."""

import asyncio
import secrets
import threading
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from blrcs.application.ports.credentials import PasswordVerdict
from blrcs.domain.errors import ResourceExhaustedError
from blrcs.security.password_tuning import HashWork

Result = TypeVar("Result")

DEFAULT_WORKERS = 2
DEFAULT_QUEUE_SIZE = 64
LEAST_WORK = HashWork()


class Argon2PasswordHasher:
    """Implements the PasswordHasher port on a few threads with a bounded queue.

    A hash of less work is to be made anew, and one of more is left as it is. The hash that stands
    in for a user who does not exist takes the work given here: a user whose hash takes another can
    be told by the time until the next sign-in renews it.

    Args:
        work: What a hash takes; by default OWASP's least, about 20 ms on one core.
        workers: Passwords hashed at once; each takes the work's memory.
        queue_size: Passwords that may wait beyond those; more are refused.
    """

    def __init__(
        self,
        work: HashWork = LEAST_WORK,
        *,
        workers: int = DEFAULT_WORKERS,
        queue_size: int = DEFAULT_QUEUE_SIZE,
    ) -> None:
        self._work = work
        self._argon2 = argon2.PasswordHasher(
            time_cost=work.passes, memory_cost=work.memory_kib, parallelism=1
        )
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="password-hasher")
        self._places = threading.BoundedSemaphore(workers + queue_size)
        self._stand_in = _hash_of_nothing(work)

    async def hash(self, password: str) -> str:
        """See the port."""
        return await self.run(self._argon2.hash, _octets(password))

    async def verify(self, password_hash: str | None, password: str) -> PasswordVerdict:
        """See the port. A stored hash that is none matches nothing."""
        if password_hash is None:
            await self.run(self._matches, self._stand_in, _octets(password))
            return PasswordVerdict(matches=False)
        matches = await self.run(self._matches, password_hash, _octets(password))
        if not matches:
            return PasswordVerdict(matches=False)
        needs_rehash = HashWork.of_hash(password_hash).is_less_than(self._work)
        return PasswordVerdict(matches=True, needs_rehash=needs_rehash)

    def close(self) -> None:
        """Drops what waits, and blocks for what runs."""
        self._pool.shutdown(cancel_futures=True)

    def _matches(self, password_hash: str, password: bytes) -> bool:
        try:
            return self._argon2.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def run(self, work: Callable[..., Result], *args: object) -> Result:
        """Does other slow work on the same threads, behind the same queue."""
        if not self._places.acquire(blocking=False):
            raise ResourceExhaustedError(
                "PASSWORD_HASHING_BUSY", "too many passwords wait to be verified"
            )
        try:
            future = self._pool.submit(work, *args)
        except BaseException:
            self._places.release()
            raise
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def _leave(self, _: Future[Result]) -> None:
        self._places.release()


def _hash_of_nothing(work: HashWork) -> str:
    """A hash of the form and the work of others, of no password; so there is none to compute."""
    salt, digest = (
        b64encode(secrets.token_bytes(size)).rstrip(b"=").decode()
        for size in (argon2.DEFAULT_RANDOM_SALT_LENGTH, argon2.DEFAULT_HASH_LENGTH)
    )
    version = argon2.low_level.ARGON2_VERSION
    return f"$argon2id$v={version}$m={work.memory_kib},t={work.passes},p=1${salt}${digest}"


def _octets(password: str) -> bytes:
    """The same octets for what looks the same on any keyboard (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password).encode()
