"""Who does not use a library does not pay for it."""

import subprocess
import sys
from pathlib import Path

import pytest

SERVER = "import sys, blrcs.app, blrcs.cli.serve, blrcs.redis.errors"
KEYS = """
import sys
from blrcs.cli import program
try:
    program("keys")(["keys", "list"])
except SystemExit:
    pass
"""


def is_imported(module: str, program: str, directory: Path) -> bool:
    run = subprocess.run(
        [sys.executable, "-c", f"{program}\nprint({module!r} in sys.modules)"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=True,
    )
    return {"True": True, "False": False}[run.stdout.splitlines()[-1]]


@pytest.mark.parametrize(
    "module",
    [
        "alembic",
        "asyncmy",
        "asyncpg",
        "redis",
        "webauthn",
        "zxcvbn",
    ],
)
def test_a_server_imports_what_it_runs(module: str, tmp_path: Path) -> None:
    assert not is_imported(module, SERVER, tmp_path)


def test_a_command_that_asks_no_database_imports_none(tmp_path: Path) -> None:
    assert not is_imported("sqlalchemy", KEYS, tmp_path)
    assert is_imported("blrcs.security.key_directory", KEYS, tmp_path)
