"""Other keys for what the server keeps secret itself, while servers run, on each database."""

import pytest
import sqlalchemy as sa

from blrcs.application.auth.prove_second_factor import totp_context
from blrcs.database.repositories.key_use import SERVER, KeyDestroyedError, holding
from blrcs.database.statement import Statement
from blrcs.database.tables import data_keys, totp_secrets, users
from blrcs.domain.errors import FailedPreconditionError
from blrcs.encryption import server_values
from blrcs.encryption.retirement import SETTLING_NS
from blrcs.encryption.sealer import Sealer
from blrcs.encryption.server_values import KEYS_SCOPE, SCOPE, ServerValues
from blrcs.encryption.stored_key import CREDENTIALS, SIGNING_KEYS, KeyState
from blrcs.security.key_directory import KeyDirectory
from blrcs.security.shared_keys import SharedKeys
from tests.integration.encryption.tool import all_of, tool

NAMES = [f"user-{number}" for number in range(5)]
ADD_USER, ADD_TOTP = Statement(sa.insert(users)), Statement(sa.insert(totp_secrets))
REMOVE_ALL = Statement(sa.delete(data_keys))
REMOVE = Statement(sa.delete(data_keys).where(data_keys.c.collection == sa.bindparam("of_scope")))
ALL = Statement(sa.select(totp_secrets))


async def enrol(it, *names):
    sealer = Sealer(it.keys, CREDENTIALS)
    for name in names:
        texts = dict.fromkeys(("display_name", "email", "password_hash"), "")
        times = dict.fromkeys(("password_set_at_ns", "created_at_ns", "updated_at_ns"), 1)
        flags = dict.fromkeys(("password_change_required", "disabled"), False)
        await it.database.execute(ADD_USER, id=name, revision=1, **texts, **times, **flags)
        sealed = await sealer.seal(totp_context(name), name.encode())
        await it.database.execute(
            ADD_TOTP, user_id=name, sealed=sealed, last_step=7, created_at_ns=1
        )


async def opened(it):
    """All secrets, as they are; what else is stored of them stays as it was."""
    sealer = Sealer(it.keys, CREDENTIALS)
    rows = await it.database.fetch_all(ALL)
    assert {(row.last_step, row.created_at_ns) for row in rows} == {(7, 1)}
    return {
        row.user_id: (await sealer.open(totp_context(row.user_id), bytes(row.sealed))).decode()
        for row in rows
    }


async def states(it):
    stored = await it.stored()
    return [key.state for key in sorted(stored, key=lambda key: key.version) if key.scope == SCOPE]


async def test_the_servers_own_keys_are_rotated_and_the_old_ones_destroyed(store, monkeypatch):
    monkeypatch.setattr(
        server_values,
        "_PAGE",
        Statement(
            sa.select(totp_secrets)
            .where(totp_secrets.c.user_id > sa.bindparam("after"))
            .order_by(totp_secrets.c.user_id)
            .limit(2)
        ),
    )
    async with tool(store) as it, tool(store) as server:
        await enrol(it, *NAMES[:4])
        await opened(server)
        (old,) = await it.server_values_by_key()
        assert await it.rotation.rotate_data(SERVER) == [SCOPE]
        # A process that has not noticed yet seals with the old key.
        await enrol(it, NAMES[4])
        assert await opened(server) == dict(zip(NAMES, NAMES, strict=True))
        _, needed = await it.destroy_unused()
        assert [key.key_id for key in needed] == [old]

        # Ended in the middle, it goes on.
        run = it.reencryption.run()
        first = await anext(run)
        assert (first.name, first.kept, first.done, first.total) == ("users", "factors", 2, 5)
        assert first.sealed_anew == 2
        await run.aclose()
        assert sum(each.sealed_anew for each in await all_of(it.reencryption.run())) == 3
        assert old not in await it.server_values_by_key()
        _, needed = await it.destroy_unused(now_ns=SETTLING_NS)
        assert [key.key_id for key in needed] == [old]
        gone, _ = await it.destroy_unused()
        assert old in [key.key_id for key in gone]
        assert await states(it) == [KeyState.DESTROYED, KeyState.ACTIVE]
        assert await server.keys.look()
        assert await opened(server) == dict(zip(NAMES, NAMES, strict=True))


async def test_what_cannot_be_opened_is_named_and_stays(store):
    async with tool(store) as it:
        await enrol(it, *NAMES[:2])
        await it.rotation.rotate_data(SERVER)
        broken = Statement(
            sa.update(totp_secrets)
            .where(totp_secrets.c.user_id == NAMES[0])
            .values(sealed=sa.bindparam("value"))
        )
        await it.database.execute(broken, value=b"x" * 60)
        (progress,) = await all_of(it.reencryption.run())
        assert (progress.refused, progress.sealed_anew) == (("users/user-0",), 1)


async def test_the_keys_that_sign_are_encrypted_anew(store, tmp_path):
    async with tool(store) as it:
        directory = KeyDirectory(tmp_path, overlap_ns=1)
        sealer = Sealer(it.keys, SIGNING_KEYS)
        shared = SharedKeys(directory, it.database, sealer, lambda: 1)
        await shared.settle()
        (old,) = await it.server_values_by_key(KEYS_SCOPE)
        assert await it.rotation.rotate_data(SERVER) == [KEYS_SCOPE]
        (progress,) = await all_of(it.reencryption.run())
        assert (progress.kept, progress.sealed_anew) == ("signing keys", 1)
        assert not await all_of(it.reencryption.run())
        gone, _ = await it.destroy_unused()
        assert old in [key.key_id for key in gone]
        await shared.settle()
        other = KeyDirectory(tmp_path / "other", overlap_ns=1)
        other.path.parent.mkdir()
        await SharedKeys(other, it.database, sealer, lambda: 1).settle()
        assert {*other.read().by_kid} == {*directory.read().by_kid}


async def test_the_server_makes_no_key_in_the_place_of_one_that_is_gone(store):
    async with tool(store) as it:
        await enrol(it, *NAMES)
        await it.database.execute(REMOVE, of_scope=CREDENTIALS)
        left = await it.stored()
    async with tool(store) as it:
        sealer = Sealer(it.keys, CREDENTIALS)
        for call in (
            sealer.seal(["a"], b"b"),
            opened(it),
            all_of(ServerValues(it.database, it.keys).run()),
        ):
            with pytest.raises(FailedPreconditionError) as caught:
                await call
            assert caught.value.reason == "ENCRYPTION_KEY_UNUSABLE"
        assert await it.stored() == left
        # What has sealed nothing yet gets a key.
        await Sealer(it.keys, SIGNING_KEYS).seal(["a"], b"b")


async def test_the_server_gets_no_other_key_while_anything_is_sealed_by_one_that_is_gone(store):
    async with tool(store) as it:
        await enrol(it, *NAMES)
        await it.database.execute(REMOVE_ALL)
    async with tool(store) as it:
        with pytest.raises(FailedPreconditionError) as caught:
            await Sealer(it.keys, SIGNING_KEYS).seal(["a"], b"b")
        assert caught.value.reason == "ENCRYPTION_KEY_UNUSABLE"
        assert await it.stored() == []


async def test_machines_that_begin_at_once_have_the_same_keys(store, tmp_path, monkeypatch):
    """One has stored its signing keys when the other has just seen that there is no key."""
    async with tool(store) as it, tool(store) as other:

        async def settle(tool_, name):
            (tmp_path / name).mkdir()
            directory = KeyDirectory(tmp_path / name, overlap_ns=1)
            sealer = Sealer(tool_.keys, SIGNING_KEYS)
            assert await SharedKeys(directory, tool_.database, sealer, lambda: 1).settle()
            return {*directory.read().by_kid}

        of_scope, theirs = it.keys._store.of_scope, []

        async def of_scope_before(scope):
            found = await of_scope(scope)
            if not theirs:
                theirs.append(await settle(other, "other"))
            return found

        monkeypatch.setattr(it.keys._store, "of_scope", of_scope_before)
        sealed = await Sealer(it.keys, SIGNING_KEYS).seal(["a"], b"b")
        assert await Sealer(other.keys, SIGNING_KEYS).open(["a"], sealed) == b"b"
        assert await settle(it, "own") >= theirs[0]


async def test_nothing_is_stored_whose_key_is_gone(store):
    async with tool(store) as it:
        await Sealer(it.keys, CREDENTIALS).seal(["a"], b"b")
        await it.database.execute(REMOVE, of_scope=CREDENTIALS)
        # It has the key in its memory still.
        sealed = await Sealer(it.keys, CREDENTIALS).seal(["a"], b"b")
        with pytest.raises(KeyDestroyedError):
            await it.database.run(holding(sealed))
