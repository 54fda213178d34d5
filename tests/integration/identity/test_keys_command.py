"""``blrcs keys retire`` where no server runs, with keys that machines have in common."""

import asyncio
import time

import pytest
from typer.testing import CliRunner

from blrcs.assembly.signing import key_revocation
from blrcs.cli import app
from blrcs.config.auth import Auth
from blrcs.database.repositories.revocation import is_stored
from blrcs.database.repositories.settings import put_if, stored
from blrcs.domain.key_schedule import KeyState
from blrcs.security import shared_keys
from blrcs.security.key_directory import KeyDirectory
from blrcs.security.shared_keys import SETTING
from tests.integration.stores import FileStore


class Keys:
    """The keys of a machine, and what its database says of them."""

    def __init__(self, folder):
        self.folder = folder
        self.directory = KeyDirectory(folder, overlap_ns=10**12)
        self.directory.make()
        (self.kid,) = self.directory.read().by_kid

    def retire(self, **variables):
        runner = CliRunner(env={"BLRCS_AUTH__KEYS": "database", **variables})
        command = ["keys", "retire", "--force", "--data", str(self.folder), "--", self.kid]
        return runner.invoke(app, command)

    @property
    def is_retired(self):
        schedule = self.directory.read().schedule
        states = {key.kid: schedule.state(key, time.time_ns()) for key in schedule.keys}
        return states[self.kid] is KeyState.RETIRED

    async def is_revoked(self):
        revocation = key_revocation(Auth(), self.kid, 1)
        async with FileStore(self.folder).open() as (database, _):
            return await database.run(lambda each: is_stored(each, revocation), read_only=True)

    async def is_shared(self):
        async with FileStore(self.folder).open() as (database, _):
            return await stored(database, SETTING) is not None


@pytest.fixture
def keys(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Keys(tmp_path)


def refused(kid, reason):
    return (
        f"blrcs: {kid} is retired, and its tokens are refused, but the machines that share keys "
        f"could not be told, and may go on to sign with it: {reason}"
    )


async def invoke(work, **variables):
    """On another thread: the command has a loop of its own."""
    return await asyncio.to_thread(work, **variables)


async def test_tokens_are_refused_though_the_master_key_is_not_to_be_had(keys):
    done = await invoke(keys.retire, BLRCS_ENCRYPTION__MASTER_KEY="env:NO_SUCH_KEY")
    assert done.exit_code == 1
    assert done.output == refused(keys.kid, "the variable NO_SUCH_KEY: is not set\n")
    assert keys.is_retired
    assert await keys.is_revoked()
    assert not await keys.is_shared()


async def test_what_could_not_be_told_is_told_when_it_is_tried_again(keys):
    await invoke(keys.retire, BLRCS_ENCRYPTION__MASTER_KEY="env:NO_SUCH_KEY")
    done = await invoke(keys.retire)
    assert (done.exit_code, done.output) == (0, f"{keys.kid} is retired\n")
    assert await keys.is_shared()


async def test_who_is_never_quick_enough_says_so(keys, monkeypatch):
    tried = []

    async def put_too_late(database, key, before, after, beside):
        tried.append(key)
        await put_if(database, "other", None, after, beside)
        return False

    monkeypatch.setattr(shared_keys, "put_if", put_too_late)
    done = await invoke(keys.retire)
    assert done.exit_code == 1
    assert done.output == refused(keys.kid, "others change keys all the time\n")
    assert len(tried) == shared_keys.ROUNDS
    assert await keys.is_revoked()


async def test_tokens_are_refused_though_the_schema_was_an_older_one(keys):
    async with FileStore(keys.folder).open():
        pass
    downgraded = await asyncio.to_thread(
        CliRunner().invoke, app, ["db", "downgrade", "--data", str(keys.folder), "--yes", "0007"]
    )
    assert downgraded.exit_code == 0, downgraded.output
    done = await invoke(keys.retire)
    assert (done.exit_code, done.output) == (0, f"{keys.kid} is retired\n")
    assert await keys.is_revoked()
    assert await keys.is_shared()
