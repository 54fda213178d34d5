"""``blrcs db`` as an operator types it."""

import asyncio
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
import sqlalchemy as sa

from blrcs.database.kind import kind_of, open_database
from blrcs.database.migrations.branch import BLRCS
from blrcs.database.migrations.starting import bring_up_to_date
from blrcs.database.statement import Statement
from blrcs.database.tables import settings
from blrcs.v1 import auth_pb2, auth_pb2_grpc
from tests.e2e.conftest import Start
from tests.e2e.server import Server, blrcs
from tests.e2e.workers import FIRST_PASSWORD
from tests.servers.postgresql import PostgresqlServer

HEAD = BLRCS.head or ""
ORDERS = """
import sqlalchemy as sa
from blrcs.database.migrations.steps import add_column, create_table, drop_table

ID = sa.Column("id", sa.Integer(), primary_key=True)
"""
SHOP = '[services.migrations]\nshop = "./shop"\n'
ADD_SETTING = Statement(sa.insert(settings))
ROWS = 100
ROW_BYTES = 10_000
Db = Callable[..., str]


class CommandError(AssertionError):
    """A command ended with 1."""


@pytest.fixture
def db(tmp_path: Path, empty_url: str) -> Db:
    """Runs a command on an empty database of each kind."""

    def run(*arguments: str | Path) -> str:
        environ = {"BLRCS_DATABASE__URL": empty_url}
        done = blrcs("db", *arguments, cwd=tmp_path, environ=environ)
        if done.returncode == 1:
            raise CommandError(done.stderr)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    return run


def test_a_database_is_migrated_up_and_down(db: Db) -> None:
    with pytest.raises(CommandError, match=r"^blrcs: 0001 is to be run: The first schema\.\n"):
        db("check")
    assert db("upgrade").endswith("Done.\n")
    assert db("check").startswith("OK: ")
    assert db("downgrade", "0001", "--yes").endswith("0002 -> 0001\nDone.\n")
    states = {each["revision"]: each["state"] for each in json.loads(db("history", "--json"))}
    assert (states["0001"], states[HEAD]) == ("current", "pending")
    db("downgrade", "base", "--yes")
    (row,) = json.loads(db("status", "--json"))
    assert (row["at"], row["head"]) == ("base", HEAD)


def test_a_branch_is_brought_to_a_revision(tmp_path: Path) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        done = blrcs("db", *arguments, cwd=tmp_path)
        return done.returncode, done.stdout + done.stderr

    assert run("upgrade", "--to", "0001")[0] == 2
    assert run("upgrade", "--branch", "blrcs", "--to", "0001")[0] == 0
    code, said = run("downgrade", HEAD, "--yes")
    assert (code, said) == (1, "blrcs: blrcs is at 0001 only; blrcs db upgrade goes on\n")
    assert f"0001  {HEAD}" in run("status")[1]
    assert run("upgrade", "--branch", "none") == (
        1,
        "blrcs: there is no branch 'none'; there are: blrcs; services.migrations names more\n",
    )


def test_who_says_nothing_loses_nothing(tmp_path: Path) -> None:
    assert blrcs("db", "upgrade", cwd=tmp_path).returncode == 0
    asked = blrcs("db", "downgrade", "base", cwd=tmp_path)
    assert asked.returncode == 1
    assert "Data is lost" in asked.stderr
    assert blrcs("db", "check", cwd=tmp_path).returncode == 0
    assert blrcs("db", "downgrade", cwd=tmp_path).returncode == 2


def test_a_server_on_the_folder_keeps_what_it_stands_on(start: Start, tmp_path: Path) -> None:
    assert start().address
    for command in (("downgrade", "base", "--yes"), ("restore", "backup")):
        done = blrcs("db", *command, cwd=tmp_path)
        assert done.returncode == 1
        assert "is in use by another server" in done.stderr
    assert blrcs("db", "check", cwd=tmp_path).returncode == 0


def test_a_start_may_only_check(start: Start, tmp_path: Path) -> None:
    environ = {"BLRCS_DATABASE__MIGRATE": "check"}
    refused = start(**environ)
    assert refused.wait() == 1
    assert re.fullmatch(
        r"blrcs: data/blrcs\.db: is at schema 'base', and '\d+' is needed:"
        r" run `blrcs db upgrade`\n",
        refused.stderr,
    )
    assert blrcs("db", "upgrade", cwd=tmp_path, environ=environ).returncode == 0
    assert start(**environ).address


def test_sql_is_printed_without_a_database(tmp_path: Path) -> None:
    for scheme in ("postgresql", "mariadb"):
        environ = {"BLRCS_DATABASE__URL": f"{scheme}://user@127.0.0.1:1/nowhere"}
        up = blrcs("db", "upgrade", "--sql", cwd=tmp_path, environ=environ)
        assert (up.returncode, up.stderr) == (0, "")
        assert "CREATE TABLE IF NOT EXISTS users" in up.stdout
        arguments = ("--branch", "blrcs", "--sql", "--from", "0001")
        some = blrcs("db", "upgrade", *arguments, cwd=tmp_path, environ=environ).stdout
        assert "CREATE TABLE IF NOT EXISTS users" not in some
        assert "CREATE INDEX ix_revocations_revoked_at_ns" in some
        down = blrcs("db", "downgrade", "base", "--sql", cwd=tmp_path, environ=environ).stdout
        assert "DROP TABLE IF EXISTS users" in down


async def fill(url: str) -> None:
    await bring_up_to_date(kind_of(url).road(url))
    async with open_database(url, migrate=False) as (database, _):
        rows = [{"key": f"{number}", "value": os.urandom(ROW_BYTES)} for number in range(ROWS)]
        await database.execute_many(ADD_SETTING, rows)


def test_a_backup_that_cannot_be_written_is_one_line(tmp_path: Path, empty_url: str) -> None:
    asyncio.run(fill(empty_url))
    environ = {"BLRCS_DATABASE__URL": empty_url}
    limit = ROWS * ROW_BYTES // 2
    done = blrcs("db", "backup", "file", cwd=tmp_path, environ=environ, max_file_bytes=limit)
    said = [line for line in done.stderr.splitlines() if not line.startswith("backing up ")]
    assert (done.returncode, said) == (1, ["blrcs: file: cannot be written: File too large"])
    assert not [each for each in tmp_path.iterdir() if "file" in each.name]


@pytest.mark.parametrize(
    "url", ["postgresql://u:s3cr3t@127.0.0.1:1/x", "mysql://u:s3cr3t@127.0.0.1:1/x"]
)
def test_a_server_that_is_not_there_is_one_line(tmp_path: Path, url: str) -> None:
    for arguments in (("status",), ("backup", "file")):
        done = blrcs("db", *arguments, cwd=tmp_path, environ={"BLRCS_DATABASE__URL": url})
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1, done.stderr
        assert "s3cr3t" not in done.stderr


def test_a_service_brings_its_own_branch(start: Start, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "blrcs.toml").write_text(SHOP)
    wrote = blrcs("db", "revision", "shop", "orders are kept", cwd=tmp_path)
    path = tmp_path / "shop" / "0001_orders_are_kept.py"
    assert wrote.stdout == f"Wrote {path}\n"
    text = path.read_text()
    text = text.replace("def upgrade() -> None:", f"{ORDERS}\n\ndef upgrade() -> None:")
    text = text.replace(
        "\n\n\ndef downgrade", "\n    create_table('orders', ID)\n\n\ndef downgrade"
    )
    path.write_text(f"{text}    drop_table('orders')\n")
    assert start().address
    rows = json.loads(blrcs("db", "status", "--json", cwd=tmp_path).stdout)
    assert [(each["branch"], each["at"]) for each in rows] == [("blrcs", HEAD), ("shop", "0001")]


@pytest.fixture(scope="module")
def revision(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The first revision of a service, as the program writes it."""
    directory = tmp_path_factory.mktemp("revision")
    (directory / "shop").mkdir()
    (directory / "blrcs.toml").write_text(SHOP)
    return Path(blrcs("db", "revision", "shop", "x", cwd=directory).stdout[6:-1]).read_text()


@pytest.mark.parametrize("step", ["with its table", "later"])
@pytest.mark.parametrize("kind", ["Float()", "String(20)"])
def test_a_type_that_sqlite_has_not_is_one_line_and_changes_nothing(
    revision: str, tmp_path: Path, kind: str, step: str
) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "blrcs.toml").write_text(SHOP)
    column = f"sa.Column('weight', sa.{kind})"
    text = revision.replace("\n\nrevision", f"{ORDERS}\nrevision")
    steps = f"create_table('orders', ID, {column})"
    if step == "later":
        steps = f"create_table('orders', ID)\n    add_column('Orders', {column})"
    text = text.replace("\n\n\ndef downgrade", f"\n    {steps}\n\n\ndef downgrade")
    (tmp_path / "shop" / "0001_x.py").write_text(text)
    done = blrcs("db", "upgrade", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    name = kind.partition("(")[0].upper().replace("STRING", "VARCHAR")
    assert f"a migration of shop fails: TypeError: orders.weight is {name}" in done.stderr.replace(
        "Orders", "orders"
    )
    assert "take a type of blrcs.database.types" in done.stderr
    (own, shop) = json.loads(blrcs("db", "status", "--json", cwd=tmp_path).stdout)
    assert (own["at"], shop["at"]) == ("base", "base")


def sign_in(server: Server, password: str) -> None:
    with grpc.insecure_channel(server.address) as channel:
        request = auth_pb2.SignInRequest(user_id="admin", password=password)
        assert auth_pb2_grpc.AuthServiceStub(channel).SignIn(request).tokens.access_token


def test_what_sqlite_held_moves_to_postgresql(
    start: Start, tmp_path: Path, postgresql_server: PostgresqlServer
) -> None:
    first = start(BLRCS_AUTH__INITIAL_ADMIN_PASSWORD=FIRST_PASSWORD)
    sign_in(first, FIRST_PASSWORD)
    backup = blrcs("db", "backup", "moving", cwd=tmp_path)
    assert backup.returncode == 0, backup.stderr
    assert re.match(
        r"Wrote moving: \d+ rows of \d+ tables, read back and found equal", backup.stdout
    )
    assert "backing up users (1 rows)" in backup.stderr
    assert first.stop() == 0
    postgresql_server.create_database("moved_to")
    environ = {"BLRCS_DATABASE__URL": postgresql_server.url("moved_to")}
    restored = blrcs("db", "restore", "moving", cwd=tmp_path, environ=environ)
    assert restored.returncode == 0, restored.stderr
    again = blrcs("db", "restore", "moving", cwd=tmp_path, environ=environ)
    assert again.returncode == 1
    assert "is not empty" in again.stderr
    (tmp_path / "moving").write_bytes((tmp_path / "moving").read_bytes()[:-20])
    broken = blrcs("db", "restore", "moving", "--force", cwd=tmp_path, environ=environ)
    assert broken.returncode == 1
    assert broken.stderr.endswith(
        "blrcs: moving: is cut off or damaged: "
        "Compressed file ended before the end-of-stream marker was reached\n"
    )
    second = start(**environ)
    sign_in(second, FIRST_PASSWORD)
    assert second.stop() == 0


def test_slow_statements_are_listed(start: Start, tmp_path: Path) -> None:
    none = blrcs("db", "slow", cwd=tmp_path)
    assert (none.returncode, none.stdout) == (0, "No statement took longer than 500ms.\n")
    environ = {
        "BLRCS_DATABASE__SLOW_QUERY": "1ns",
        "BLRCS_AUTH__INITIAL_ADMIN_PASSWORD": FIRST_PASSWORD,
    }
    server = start(**environ)
    sign_in(server, FIRST_PASSWORD)
    server.wait_for("slow statement", source="stderr")
    assert server.stop() == 0
    text = blrcs("db", "slow", "--since", "1h", cwd=tmp_path).stdout
    assert re.search(r"^\d+ times, total \d+ ms, p50 \d+ ms, max \d+ ms, waited 0 ms, last 2", text)
    assert FIRST_PASSWORD not in text
    found = json.loads(blrcs("db", "slow", "--json", "--limit", "1000", cwd=tmp_path).stdout)
    assert any("FROM users" in each["sql"] for each in found)
    assert [each["total_ms"] for each in found] == sorted(
        (each["total_ms"] for each in found), reverse=True
    )
    assert len(json.loads(blrcs("db", "slow", "--json", "--limit", "1", cwd=tmp_path).stdout)) == 1
    assert blrcs("db", "slow", "--since", "yesterday", cwd=tmp_path).returncode == 2
    assert json.loads(blrcs("db", "slow", "--json", "--since", "0s", cwd=tmp_path).stdout) == []
