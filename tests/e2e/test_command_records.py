"""Each command that changes what a server keeps says so in its audit log before it does."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from blrcs.audit.reading import AuditReader
from blrcs.audit.segments import FOLDER, KEY_FILE, LOCK
from blrcs.cli import app
from blrcs.domain.audit_event import AuditEvent
from tests.e2e.conftest import Start

CHANGING = {
    "admin recover": ("admin", "recover"),
    "db backup": ("db", "backup", "nightly"),
    "db downgrade": ("db", "downgrade", "0001", "--yes"),
    "db upgrade": ("db", "upgrade"),
    "db restore": ("db", "restore", "nightly", "--force"),
    "encryption destroy-old": ("encryption", "destroy-old"),
    "encryption reencrypt": ("encryption", "reencrypt"),
    "encryption rotate-data": ("encryption", "rotate-data", "tenants/acme"),
    "encryption rotate-master": ("encryption", "rotate-master"),
    "encryption rotate-server": ("encryption", "rotate-server"),
    "encryption shred-tenant": ("encryption", "shred-tenant", "tenants/acme", "--yes"),
    "keys rotate": ("keys", "rotate"),
    "keys retire": ("keys", "retire"),
}
"""In an order in which each has something to do, but for those below."""
NOTHING_TO_DO = {
    "encryption rotate-data": "blrcs: tenants/acme has nothing encrypted\n",
    "encryption rotate-server": "blrcs: the server has nothing encrypted of its own\n",
}
"""What they say then; they are recorded all the same."""
OTHERS = {
    # These have records of their own kinds.
    "audit restore",
    "audit rotate-key",
    # The server that they call records them as its policies say.
    "records export",
    "records import",
    # Servers.
    "keeper",
    "serve",
    "worker",
    # They write files of a developer or of an operator, and nothing that a server keeps.
    "audit backup",
    "audit follow",
    "db revision",
    "encryption new-key",
    "generate",
    "new",
    # They read.
    "audit checkpoints",
    "audit export",
    "audit key",
    "audit list",
    "audit verify",
    "config check",
    "config show",
    "db check",
    "db history",
    "db slow",
    "db status",
    "doctor",
    "encryption status",
    "health",
    "keys list",
    "policy dry-run",
    "policy explain",
    "policy who-can",
    "version",
}


def commands(group: Any, before: tuple[str, ...] = ()) -> Iterator[str]:
    if not hasattr(group, "commands"):
        yield " ".join(before)
        return
    for name, each in group.commands.items():
        yield from commands(each, (*before, name))


def test_every_command_is_known_to_change_something_or_not() -> None:
    assert set(commands(typer.main.get_command(app))) == CHANGING.keys() | OTHERS


def recorded(directory: Path) -> list[AuditEvent]:
    return [
        each
        for each in AuditReader(directory / "data" / FOLDER).from_instant(0)
        if each.text("kind") == "command"
    ]


@pytest.fixture
def served(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a server has been, and commands are run now."""
    server = start()
    assert server.address
    assert server.stop() == 0
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(name: str) -> str:
    """Why a command fails; nothing where it does not."""
    arguments = CHANGING[name]
    if name == "keys retire":
        keys = json.loads(CliRunner().invoke(app, ["keys", "list", "--json"]).stdout)
        arguments = (*arguments, keys[-1]["kid"])
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code in {0, 1}, (name, done.output)
    return done.stderr if done.exit_code else ""


def test_each_is_recorded_before_it_begins(served: Path) -> None:
    for name in CHANGING:
        said = run(name)
        assert said == NOTHING_TO_DO.get(name, "")
        assert recorded(served)[-1].text("method") == f"blrcs {name}"
    assert len(recorded(served)) == len(CHANGING)
    resources = {each.text("method"): each.text("resource") for each in recorded(served)}
    assert resources["blrcs db restore"] == str(served / "nightly")
    assert resources["blrcs db downgrade"] == "blrcs@0001"
    assert CliRunner().invoke(app, ["audit", "verify"]).exit_code == 0


def test_nothing_is_done_that_cannot_be_recorded(served: Path) -> None:
    # So that each has something to do.
    assert not run("db downgrade")
    assert not run("keys rotate")
    before = content(served)
    (served / "data" / KEY_FILE).write_bytes(b"no key")
    for name in CHANGING:
        assert run(name).startswith("blrcs: nothing was done"), name
    assert content(served) == before


def content(directory: Path) -> dict[str, bytes]:
    """All that a server keeps there but for its audit log, and whether there is a backup."""
    data = directory / "data"
    return {
        str(each.relative_to(data)): each.read_bytes()
        for each in data.rglob("*")
        if each.is_file() and FOLDER not in each.parts and each.name not in {KEY_FILE, LOCK}
    } | {"nightly": b"" if not (directory / "nightly").exists() else b"there"}
