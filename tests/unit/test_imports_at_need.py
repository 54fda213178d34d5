"""Who does not use a library does not pay for it."""

import subprocess
import sys
from pathlib import Path

import pytest

SERVER = "import sys, blrcs.app, blrcs.cli.serve, blrcs.redis.errors"
SUPERVISOR = "import sys, blrcs.cli.supervise, blrcs.supervisor.estate, blrcs.supervisor.supervisor"
KEEPER = "import sys, blrcs.cli.keeper, blrcs.cache.keeper, blrcs.cache.kept, blrcs.workers.memory"
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
        "sqlalchemy.dialects.postgresql",
        "webauthn",
        "zxcvbn",
    ],
)
def test_a_server_imports_what_it_runs(module: str, tmp_path: Path) -> None:
    assert not is_imported(module, SERVER, tmp_path)


@pytest.mark.parametrize("program", [SUPERVISOR, KEEPER], ids=["supervisor", "keeper"])
@pytest.mark.parametrize("module", ["prometheus_client", "sqlalchemy"])
def test_who_serves_no_calls_imports_neither(module: str, program: str, tmp_path: Path) -> None:
    assert not is_imported(module, program, tmp_path)


def test_a_command_that_asks_no_database_imports_none(tmp_path: Path) -> None:
    assert not is_imported("sqlalchemy", KEYS, tmp_path)
    assert is_imported("blrcs.security.key_directory", KEYS, tmp_path)
