"""A change of the access policy among 10,000 bindings, in force here and on another worker.

The policy is that of ``bench_access``: bindings of a hundred roles that no tenant owns, in two
hundred tenants. It is stored in SQLite, beside one of 100 bindings. A change is one by an
administrator of the root, through the rules of delegation, until it is durable and decides. What
the other worker takes is what it holds its loop up for.
"""

import asyncio
import itertools
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bench_access
import uvloop
from harness import Claim, Loop, Report, Timing, main, measure, time_once, versions

from blrcs.application.access.change_policy import change_policy
from blrcs.database.repositories.access import SqlAccessRepository
from blrcs.database.sqlite.adapter import SqliteAdapter
from blrcs.database.sqlite.database import SqliteDatabase
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding
from blrcs.domain.builtin_roles import ADMINISTRATOR
from blrcs.domain.delegation import Actor, delegated
from blrcs.domain.policy_change import PolicyChange
from blrcs.domain.role import Role
from blrcs.security.access_store import AccessStore
from blrcs.security.compiled_policy import compile_policy

FEW, MANY = 100, bench_access.BINDING_COUNT
ADMIN = "users/admin"
HISTORY: dict[str, Any] = {"create_time_ns": 1, "update_time_ns": 1}


@dataclass(slots=True)
class Workers:
    """Two that share a database: one makes changes, the other takes them over."""

    loop: asyncio.AbstractEventLoop
    first: AccessStore
    second: AccessStore

    def change(self, change: PolicyChange) -> None:
        """As an administrator of the root makes it."""
        now_ns = time.time_ns()

        def operation(policy: AccessPolicy) -> AccessPolicy:
            return change_policy(policy, change, parent="", actor=Actor(ADMIN), now_ns=now_ns)

        made = self.first.change(delegated(operation, Actor(ADMIN), now_ns))
        self.loop.run_until_complete(made)


def policy_of(count: int) -> AccessPolicy:
    """So many bindings, and one of who administers all."""
    roles, bindings = bench_access.specs()
    administrator = Binding(name="bindings/admin", role=ADMINISTRATOR, members=(ADMIN,), **HISTORY)
    stored = [
        Binding(
            name=f"bindings/{each.name}",
            role=f"roles/{each.role}",
            members=tuple(each.members),
            resource=each.resource,
            **HISTORY,
        )
        for each in bindings[:count]
    ]
    return AccessPolicy(
        roles={
            f"roles/{each.name}": Role(
                name=f"roles/{each.name}", permissions=tuple(each.permissions), **HISTORY
            )
            for each in roles
        },
        bindings={each.name: each for each in (administrator, *stored)},
        epoch=1,
    )


@contextmanager
def workers(loop: asyncio.AbstractEventLoop, folder: Path, count: int) -> Iterator[Workers]:
    """Both, with a policy of so many bindings stored and in force."""
    folder.mkdir()
    path = folder / "blrcs.db"
    database = SqliteAdapter(SqliteDatabase.open(path), path)
    stores = [
        AccessStore(SqlAccessRepository(database, database.reader), clock=time.time_ns)
        for _ in range(2)
    ]
    loop.run_until_complete(stores[0].change(lambda _: policy_of(count)))
    stores[1].load()
    try:
        yield Workers(loop, *stores)
    finally:
        loop.run_until_complete(database.close())


def binding_loop(at: Workers) -> Loop:
    """A binding of one tenant after another is changed."""
    names = itertools.cycle([each for each in at.first.policy.bindings if each != "bindings/admin"])

    def loop(count: int) -> None:
        for _ in range(count):
            found = at.first.policy.bindings[next(names)]
            changed = replace(found, members=(*found.members[:1], f"users/n{found.revision}"))
            at.change(PolicyChange(bindings=(replace(changed, revision=found.revision + 1),)))

    return loop


def role_loop(at: Workers) -> Loop:
    """A role that tenants use is changed: all of these are compiled."""
    names = itertools.cycle(at.first.policy.roles)

    def loop(count: int) -> None:
        for _ in range(count):
            found = at.first.policy.roles[next(names)]
            permission = f"{found.permissions[0]}.r{found.revision}"
            changed = replace(
                found, permissions=(found.permissions[0], permission), revision=found.revision + 1
            )
            at.change(PolicyChange(roles=(changed,)))

    return loop


def taken_over(at: Workers, change: Loop, rounds: int) -> Timing:
    """What the second worker needs after each of so many changes."""
    found = []
    for _ in range(rounds):
        change(1)
        found.append(time_once(lambda _: at.second.load(), 1) * 1e9)
        assert at.second.policy.epoch == at.first.policy.epoch
    return Timing(tuple(found))


def run(rounds: int) -> Report:
    loop = uvloop.new_event_loop()
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix=".access-", dir=Path.cwd()))
        )
        few, many = (
            stack.enter_context(workers(loop, folder / str(count), count)) for count in (FEW, MANY)
        )
        subjects = {
            f"a binding of {FEW:,}, changed": binding_loop(few),
            f"a binding of {MANY:,}, changed": binding_loop(many),
            f"a role of {MANY:,} bindings, changed": role_loop(many),
            f"{MANY:,} bindings, compiled whole": lambda count: [
                compile_policy(many.first.policy, time.time_ns) for _ in range(count)
            ],
        }
        timings = measure(subjects, rounds=rounds)
        many.second.load()
        for what, change in (("binding", binding_loop(many)), ("role", role_loop(many))):
            name = f"a {what} of {MANY:,}, taken over by another worker"
            timings[name] = taken_over(many, change, 5 * rounds)
    title = f"access: a change among {MANY:,} bindings"
    return Report(title, timings, claims(timings), versions("uvloop"))


def claims(timings: dict[str, Timing]) -> list[Claim]:
    """Beside compiling all of it, which each change cost before it was compiled by parts."""

    def ratio(one: str, other: str) -> float:
        return timings[one].median_ns / timings[other].median_ns

    whole = f"{MANY:,} bindings, compiled whole"
    binding, role = f"a binding of {MANY:,}", f"a role of {MANY:,}"
    return [
        Claim(
            f"{binding}, changed / one of {FEW:,}",
            ratio(f"{binding}, changed", f"a binding of {FEW:,}, changed"),
            at_most=8,
        ),
        Claim(f"{binding}, changed / whole", ratio(f"{binding}, changed", whole), at_most=0.15),
        Claim(
            f"{binding}, taken over / whole",
            ratio(f"{binding}, taken over by another worker", whole),
            at_most=0.05,
        ),
        Claim(
            f"{role} bindings, changed / whole",
            ratio(f"{role} bindings, changed", whole),
            at_most=1,
        ),
    ]


if __name__ == "__main__":
    main(run)
