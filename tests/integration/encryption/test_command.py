"""``blrcs encryption`` beside a running server, on SQLite."""

import asyncio
import contextlib
import json
import os
import pwd
import sqlite3
from contextlib import closing

import pytest
from typer.testing import CliRunner

from blrcs.cli import app
from tests.integration.encryption.tool import tool
from tests.integration.records.world import ORDERS, World, data_of
from tests.integration.stores import FileStore
from tests.unit.api.refusals import refusal
from tests.unit.application.identity_fakes import FakeClock


@pytest.fixture
async def world(tmp_path):
    async with World.open(FileStore(tmp_path), FakeClock()) as world:
        await world.collection(encrypted_fields=["iban"])
        await world.create("a", {"iban": "DE00"})
        # So that what was told of it has values of its own.
        await world.update("a", {}, ["data.n"])
        yield world


@pytest.fixture
def blrcs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    async def run(*arguments, code=0, **variables):
        command = ["encryption", *arguments]
        if arguments[0] != "new-key":
            command += ["--data", str(tmp_path)]
        runner = CliRunner(env=variables)
        result = await asyncio.to_thread(runner.invoke, app, command)
        assert result.exit_code == code, result.output
        return result.output

    return run


async def test_where_no_database_is_one_line_says_so_and_none_is_made(blrcs, tmp_path):
    for command in (["status"], ["rotate-data", "tenants/acme"], ["reencrypt"], ["destroy-old"]):
        output = await blrcs(*command, code=1)
        assert output.count("\n") == 1
        assert "there is no database" in output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["rotate-master"],
        ["rotate-data", "tenants/acme"],
        ["rotate-server"],
        ["reencrypt"],
        ["destroy-old"],
        ["shred-tenant", "tenants/acme", "--yes"],
    ],
    ids=lambda command: command[0],
)
async def test_where_no_tables_are_one_line_says_so(blrcs, empty_url, command):
    output = await blrcs(*command, code=1, BLRCS_DATABASE__URL=empty_url)
    assert output.count("\n") == 1
    assert "is at schema 'base'" in output
    assert "blrcs db upgrade" in output


async def test_a_file_without_tables_is_left_without_any(blrcs, tmp_path):
    (tmp_path / "blrcs.db").touch()
    output = await blrcs("status", code=1)
    assert output.count("\n") == 1
    assert "is at schema 'base'" in output
    assert not (tmp_path / "encryption_key").exists()


async def test_keys_are_rotated_values_encrypted_anew_and_old_keys_destroyed(world, blrcs):
    assert "Rotated tenants/acme/collections/orders" in await blrcs("rotate-data", "tenants/acme")
    assert "Encrypted 3 values anew" in await blrcs("reencrypt", "--pause-ms", "0")
    assert "Encrypted 0 values anew" in await blrcs("reencrypt", "--pause-ms", "0")
    assert "Destroyed 2 keys" in await blrcs("destroy-old")
    await world.encryption.look()
    assert data_of(await world.get("a")) == {"iban": "DE00"}
    found = json.loads(await blrcs("status", "--json"))
    states = {(key["purpose"], key["version"]): key["state"] for key in found["keys"]}
    assert states == {
        ("wrap", 1): "destroyed",
        ("wrap", 2): "active",
        ("seal", 1): "destroyed",
        ("seal", 2): "active",
    }
    assert found["reencryption"] is None
    refused = await blrcs("rotate-data", "tenants/none", code=1)
    assert refused == "blrcs: tenants/none has nothing encrypted\n"
    assert "no name of a tenant" in await blrcs("rotate-data", "acme", code=2)


async def test_another_master_key_is_a_matter_of_two_settings(world, blrcs, tmp_path):
    await blrcs("new-key", "new")
    assert "is there already" in await blrcs("new-key", "new", code=1)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600
    new = {"BLRCS_ENCRYPTION__MASTER_KEY": "file:new"}
    both = {**new, "BLRCS_ENCRYPTION__OLDER_MASTER_KEYS": '["file:encryption_key"]'}
    refused = await blrcs("rotate-master", code=1, **new)
    assert refused.startswith(f"blrcs: {tmp_path}/new: is not the key")
    assert refused.count("\n") == 1
    assert "Wrapped 1 keys anew" in await blrcs("rotate-master", **both)
    assert "Wrapped 0 keys anew" in await blrcs("rotate-master", **new)
    assert "is not the key" in await blrcs("status", code=1)
    key = (tmp_path / "new").read_text()
    found = await blrcs("status", BLRCS_ENCRYPTION__MASTER_KEY="env:KEY", KEY=key)
    assert key.strip() not in found
    refused = await blrcs("status", code=1, BLRCS_ENCRYPTION__MASTER_KEY="env:NO_KEY")
    assert refused == "blrcs: the variable NO_KEY: is not set\n"
    refused = await blrcs("status", code=1, BLRCS_ENCRYPTION__MASTER_KEY="vault:x")
    assert "there is no master key adapter 'vault'" in refused


async def test_a_tenant_is_shredded(world, blrcs):
    await blrcs("shred-tenant", "tenants/acme", code=1)
    assert data_of(await world.get("a")) == {"iban": "DE00"}
    assert "Destroyed 2 keys" in await blrcs("shred-tenant", "tenants/acme", "--yes")
    await world.encryption.look()
    assert (await refusal(world.get("a")))[1] == "ENCRYPTION_KEYS_DESTROYED"


async def test_the_server_has_keys_of_its_own(world, blrcs):
    refused = await blrcs("rotate-server", code=1)
    assert refused == "blrcs: the server has nothing encrypted of its own\n"
    await world.encryption.sealer("credentials").seal(("totp", "alice"), b"seed")
    assert "Rotated the server's credentials" in await blrcs("rotate-server")
    kept = await blrcs("destroy-old")
    assert kept.startswith(
        "Still needed, or rotated within ten minutes: the server's credentials, key "
    )


async def test_what_changes_keys_is_in_the_audit_log(world, blrcs, tmp_path):
    (tmp_path / "audit").mkdir(mode=0o700)
    await blrcs("rotate-data", "tenants/acme", "--collection", "orders")
    await blrcs("destroy-old")
    await blrcs("shred-tenant", "tenants/acme", "--yes")
    (file,) = tmp_path.glob("audit/*/*.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    told = [line for line in lines if line["kind"] == "command"]
    assert [(line["method"], line.get("resource", "")) for line in told] == [
        ("blrcs encryption rotate-data", "tenants/acme/collections/orders"),
        ("blrcs encryption destroy-old", ""),
        ("blrcs encryption shred-tenant", "tenants/acme"),
    ]
    assert {line["request"]["by"] for line in told} == {pwd.getpwuid(os.getuid()).pw_name}
    # Each is signed by the time its command goes on.
    assert lines[-1]["kind"] == "checkpoint"


async def test_nothing_is_done_that_cannot_be_recorded(world, blrcs, tmp_path):
    (tmp_path / "audit").mkdir(mode=0o700)
    (tmp_path / "audit_key.pem").write_text("no key")
    (tmp_path / "audit_key.pem").chmod(0o600)
    before = await blrcs("status", "--json")
    for command in (["shred-tenant", "tenants/acme", "--yes"], ["destroy-old"], ["rotate-server"]):
        refused = await blrcs(*command, code=1)
        assert refused.startswith("blrcs: nothing was done, since it cannot be recorded")
    assert await blrcs("status", "--json") == before


async def test_a_key_that_is_gone_is_named(world, blrcs, tmp_path):
    with closing(sqlite3.connect(tmp_path / "blrcs.db")) as database, database:
        database.execute("DELETE FROM data_keys WHERE collection = 'orders'")
    before = await blrcs("status", "--json")
    for command in (["rotate-data", "tenants/acme", "--collection", "orders"], ["reencrypt"]):
        assert await blrcs(*command, code=1) == (
            "blrcs: the server does not have the key for encrypted fields: a data key of"
            " tenants/acme/collections/orders is gone from the database; what needs it is there\n"
        )
    assert await blrcs("status", "--json") == before


@pytest.mark.parametrize("how", ["missing", "open", "another", "no such adapter"])
async def test_doctor_says_of_the_master_key_what_a_start_would_say(world, blrcs, tmp_path, how):
    key, variables = tmp_path / "encryption_key", {}

    async def doctor():
        runner = CliRunner(env=variables)
        arguments = ["doctor", "--json", "--data", str(tmp_path)]
        result = await asyncio.to_thread(runner.invoke, app, arguments)
        found = [each for each in json.loads(result.stdout) if each["check"] == "master-key"]
        return result.exit_code, [each["problem"] for each in found]

    tmp_path.chmod(0o700)
    assert await doctor() == (0, [])
    if how == "missing":
        key.unlink()
    elif how == "open":
        key.chmod(0o640)
    elif how == "another":
        key.write_text("5a" * 32)
    else:
        variables["BLRCS_ENCRYPTION__MASTER_KEY"] = "vault:x"
    # It looks at the key as a start does.
    refused = await blrcs("status", code=1, **variables)
    code, (problem,) = await doctor()
    assert (code, refused) == (1, f"blrcs: {problem}\n")
    assert key.exists() == (how != "missing")


async def test_a_run_that_goes_on_does_not_forget_what_could_not_be_opened(world, blrcs, tmp_path):
    await world.create("b", {"iban": "DE01"})
    with closing(sqlite3.connect(tmp_path / "blrcs.db")) as database, database:
        of_a = "(SELECT sealed FROM records WHERE record_id = 'a')"
        database.execute(f"UPDATE records SET sealed = {of_a} WHERE record_id = 'b'")
    await blrcs("rotate-data", "tenants/acme")
    async with (
        tool(FileStore(tmp_path)) as it,
        contextlib.aclosing(it.reencryption.run()) as run,
    ):
        assert (await anext(run)).refused == (f"{ORDERS}/records/b",)
    gone_on = await blrcs("reencrypt", code=1)
    assert "1 records have values that cannot be opened" in gone_on
    assert "a run that was stopped came upon 1 of them" in gone_on
    assert "records/b" not in gone_on
    whole = await blrcs("reencrypt", code=1)
    assert f"{ORDERS}/records/b: cannot be opened" in whole
    assert "1 records have values that cannot be opened; they stay as they are\n" in whole
