"""A program: for n = 0, 1, ... migrates a new file in a child that kills itself before statement n.

Ends with the first n that is more than there are statements. Prints the paths.
"""

import itertools
import os
import signal
import sys
from pathlib import Path

import sqlalchemy as sa
from alembic import command  # noqa: F401  imported here once, and not in every child

from blrcs.database.sqlite.database import SqliteDatabase


def migrate(path: Path, number: int) -> None:
    left = itertools.count(number, -1)

    @sa.event.listens_for(sa.Engine, "before_cursor_execute")
    @sa.event.listens_for(sa.Engine, "commit")
    def kill_before_the_nth(*_: object) -> None:
        if next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    SqliteDatabase.open(path)
    os._exit(0)


def main() -> None:
    for number in itertools.count():
        path = Path(sys.argv[1]) / f"{number}.db"
        child = os.fork()
        if child == 0:
            try:
                migrate(path, number)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        if status not in {0, signal.SIGKILL}:
            raise SystemExit(f"the child at statement {number} ended with {status}")
        sys.stdout.write(f"{path}\n")
        if status == 0:
            break


main()
