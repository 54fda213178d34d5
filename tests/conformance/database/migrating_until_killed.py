"""A program: for n = 0, 1, ... migrates in a child that kills itself before its statement n.

What the child left is migrated to its end and looked at; then the same on the way back. Ends with
the first n that is more than there are statements, and prints it.

    URL FOLDER STRIDE     the service's branch alone, where STRIDE is 1; else ours as well
"""

import asyncio
import itertools
import os
import signal
import sys
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from blrcs.database.kind import kind_of
from blrcs.database.migrations.branch import BLRCS, named_branch
from blrcs.database.migrations.running import move

STRIDE = int(sys.argv[3])
ORDERS = named_branch("orders", Path(sys.argv[2]))
BRANCHES = (ORDERS,) if STRIDE == 1 else (BLRCS, ORDERS)
ROAD = kind_of(sys.argv[1]).road(sys.argv[1])


def place(connection: sa.Connection, *, up: bool) -> None:
    for branch in BRANCHES if up else reversed(BRANCHES):
        move(connection, ROAD.place, branch, branch.head if up else "base")


def content(connection: sa.Connection) -> dict[str, object]:
    """Columns and indexes by table, and what the migration itself has written."""
    inspector = sa.inspect(connection)
    names = [each for each in inspector.get_table_names() if not each.startswith("alembic_")]
    found: dict[str, object] = {
        name: (
            [column["name"] for column in inspector.get_columns(name)],
            sorted(str(index["name"]) for index in inspector.get_indexes(name)),
        )
        for name in sorted(names)
    }
    for table in {"customers", "alembic_version", "alembic_version_orders"} & {
        *inspector.get_table_names()
    }:
        found[f"rows of {table}"] = connection.execute(sa.text(f"SELECT * FROM {table}")).all()
    return found


def run(work: object) -> object:
    return asyncio.run(ROAD.run(work))


def kill_at(number: int, *, up: bool) -> None:
    left = itertools.count(number, -1)

    @sa.event.listens_for(sa.Engine, "before_cursor_execute")
    @sa.event.listens_for(sa.Engine, "commit")
    def kill_before_the_nth(*_: object) -> None:
        if next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    run(partial(place, up=up))
    os._exit(0)


def is_killed(number: int, *, up: bool) -> bool:
    """Whether a child was, before it came to its end; what it left is brought to that."""
    child = os.fork()
    if child == 0:
        try:
            kill_at(number, up=up)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if status not in {0, signal.SIGKILL}:
        raise SystemExit(f"the child at statement {number} ended with {status}")
    run(partial(place, up=up))
    return status != 0


def main() -> None:
    run(partial(move, place=ROAD.place, branch=BLRCS, target=BLRCS.head))
    ends = {}
    for up in (True, False):
        run(partial(place, up=up))
        ends[up] = run(content)
    for number in itertools.count(0, STRIDE):
        killed = 0
        for up in (True, False):
            killed += is_killed(number, up=up)
            found = run(content)
            if found != ends[up]:
                raise SystemExit(f"after statement {number}: {found}, and not {ends[up]}")
        if not killed:
            sys.stdout.write(f"{number}\n")
            return


main()
