"""How much work a password's hash is made to be."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Self

import argon2
import orjson

from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.repositories.settings import get_or_make, stored

LEAST_MEMORY_KIB = 19 * 1024
LEAST_PASSES = 2
MOST_PASSES = 256
MEASUREMENTS = 3


@dataclass(frozen=True, slots=True)
class HashWork:
    """The parameters of Argon2id that are tuned; one lane. The defaults are OWASP's least."""

    memory_kib: int = LEAST_MEMORY_KIB
    passes: int = LEAST_PASSES

    @classmethod
    def of_hash(cls, password_hash: str) -> Self:
        """That of a hash in the PHC string format; none at all where it is of another kind."""
        found = argon2.extract_parameters(password_hash)
        if found.type is not argon2.Type.ID or found.version != argon2.low_level.ARGON2_VERSION:
            return cls(0, 0)
        return cls(found.memory_cost, found.time_cost)

    def is_less_than(self, other: "HashWork") -> bool:
        """It takes an attacker less.

        Of any two different ones at most one is less: servers that are tuned apart do not make each
        other's hashes anew for ever.
        """
        return self.memory_kib * self.passes < other.memory_kib * other.passes


def tune(target_ns: int, memory_kib: int, measure: Callable[[HashWork], int]) -> HashWork:
    """As many passes as fit into a time, and never fewer than are safe.

    Args:
        target_ns: How long a hash shall take.
        memory_kib: What it takes of memory.
        measure: Makes a hash; how long that took, in nanoseconds.
    """
    least = HashWork(memory_kib, LEAST_PASSES)
    # The quickest is the one that nothing else has slowed down.
    pass_ns = min(measure(least) for _ in range(MEASUREMENTS)) / LEAST_PASSES
    passes = min(max(int(target_ns / max(pass_ns, 1)), LEAST_PASSES), MOST_PASSES)
    return HashWork(memory_kib, passes)


def measure_hash(work: HashWork) -> int:
    """Makes a hash; how long that took, in nanoseconds."""
    hasher = argon2.PasswordHasher(work.passes, work.memory_kib, 1)
    begun_ns = time.perf_counter_ns()
    hasher.hash(b"")
    return time.perf_counter_ns() - begun_ns


async def agreed_work(
    database: DatabaseAdapter,
    *,
    target_ns: int,
    memory_kib: int,
    measure: Callable[[HashWork], int] = measure_hash,
) -> HashWork:
    """The work that all servers on a database take for the same settings.

    The first of them measures, on a thread of its own, and the others take what it has found.
    """
    if not target_ns:
        return HashWork(memory_kib)
    key = f"password_work/{target_ns}/{memory_kib}"
    known = await stored(database, key)
    if known is None:
        tuned = await asyncio.to_thread(tune, target_ns, memory_kib, measure)
        known = await get_or_make(database, key, lambda: orjson.dumps(asdict(tuned)))
    return HashWork(**orjson.loads(known))
