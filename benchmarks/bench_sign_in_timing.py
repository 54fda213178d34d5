"""Whether the time of a refused sign-in tells what was wrong with it.

Attempts of each kind are made one after another in an order that is drawn anew for each round, over
a real database and a real hash. Beside the medians, what counts is how often an attempt of one kind
takes longer than one of another (the probability of superiority, Mann and Whitney's U divided by
the number of pairs): half of all times where nobody could tell them apart.
"""

import asyncio
import contextlib
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from harness import Claim, Report, Timing, main

from blrcs.application.auth.prove_password import ProvePassword
from blrcs.database.repositories.access import SqlAccessRepository
from blrcs.database.repositories.revocation import RevocationRepository
from blrcs.database.repositories.session import SqlSessionRepository
from blrcs.database.repositories.user import SqlUserRepository
from blrcs.database.sqlite.adapter import SqliteAdapter
from blrcs.database.sqlite.database import SqliteDatabase
from blrcs.domain.user import User
from blrcs.security.access_store import AccessStore
from blrcs.security.failure_counts import LimiterFailureCounts
from blrcs.security.password_hasher import Argon2PasswordHasher
from blrcs.security.sign_in_throttle import CountingSignInThrottle
from blrcs.security.token_revoker import VerifierRevoker
from blrcs_native.limits.limiter import Limiter
from blrcs_native.tokens.revocations import Revocations

ATTEMPTS_PER_ROUND = 20
USERS = 1000
PASSWORD = "correct horse battery staple"
KINDS = {
    "unknown user": ("nobody-{}", "wrong"),
    "wrong password": ("user-{}", "wrong"),
    "disabled user, right password": ("disabled-{}", PASSWORD),
}
Attempt = Callable[[str, str], Awaitable[object]]


async def add_users(users: SqlUserRepository, hasher: Argon2PasswordHasher) -> None:
    password_hash = await hasher.hash(PASSWORD)
    now_ns = time.time_ns()
    for number in range(USERS):
        for name, disabled in (("user", False), ("disabled", True)):
            user = User(
                id=f"{name}-{number}",
                password_hash=password_hash,
                password_time_ns=now_ns,
                password_change_required=False,
                disabled=disabled,
                create_time_ns=now_ns,
                update_time_ns=now_ns,
            )
            await users.add(user)


async def measured(attempt: Attempt, rounds: int) -> dict[str, list[float]]:
    """Nanoseconds of each attempt, by kind."""
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    order = [kind for kind in KINDS for _ in range(ATTEMPTS_PER_ROUND)]
    chosen = random.Random(1)  # the order is to be fair, not secret
    for _ in range(rounds):
        chosen.shuffle(order)
        for kind in order:
            name, password = KINDS[kind]
            user_id = name.format(chosen.randrange(USERS))
            begun_ns = time.perf_counter_ns()
            await attempt(user_id, password)
            found[kind].append(time.perf_counter_ns() - begun_ns)
    return found


def superiority(one: list[float], other: list[float]) -> float:
    """How often one of the first takes longer than one of the second."""
    longer = sum((a > b) + (a == b) / 2 for a in one for b in other)
    return longer / (len(one) * len(other))


async def refusals(rounds: int) -> dict[str, list[float]]:
    async with contextlib.AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        path = directory / "blrcs.db"
        database = await stack.enter_async_context(SqliteAdapter(SqliteDatabase.open(path), path))
        hasher = stack.enter_context(contextlib.closing(Argon2PasswordHasher()))
        revocations = RevocationRepository(
            database,
            database.reader,
            revoker=VerifierRevoker(Revocations(clock=time.time_ns), issuer="bench"),
            clock=time.time_ns,
            token_ttl_ns=1,
        )
        access = AccessStore(SqlAccessRepository(database, database.reader), clock=time.time_ns)
        users = SqlUserRepository(database, revocations, access)
        await add_users(users, hasher)
        prove_password = ProvePassword(
            users=users,
            sessions=SqlSessionRepository(database, revocations),
            hasher=hasher,
            throttle=CountingSignInThrottle(
                LimiterFailureCounts(Limiter(1 << 16)),
                account_failures=1 << 20,
                address_failures=1 << 20,
            ),
            clock=time.time_ns,
        )
        return await measured(
            lambda user_id, password: prove_password(user_id, password, address="192.0.2.1"),
            rounds,
        )


def run(rounds: int) -> Report:
    found = asyncio.run(refusals(rounds))
    timings = {kind: Timing(tuple(values)) for kind, values in found.items()}
    report = Report("Refused sign-ins: what their time tells", timings)
    wrong = found["wrong password"]
    for kind in KINDS:
        if kind != "wrong password":
            ratio = timings[kind].median_ns / timings["wrong password"].median_ns
            report.claims += [
                Claim(f"{kind} / wrong password, medians", ratio, 0.95, 1.05),
                Claim(
                    f"{kind} takes longer than wrong password, share of pairs",
                    superiority(found[kind], wrong),
                    0.4,
                    0.6,
                ),
            ]
    return report


if __name__ == "__main__":
    main(run)
