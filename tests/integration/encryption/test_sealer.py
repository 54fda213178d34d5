"""What the server itself keeps sealed, on each database."""

from dataclasses import replace

import pytest

from blrcs.domain.errors import FailedPreconditionError
from blrcs.encryption.key_store import KeyStore, put_keys
from blrcs.encryption.master_key import MasterKeyError
from blrcs.encryption.sealer import Sealer
from blrcs.encryption.stored_key import KeyPurpose, KeyState

SEED = b"a seed that nobody may read"


async def reason(call):
    with pytest.raises(FailedPreconditionError) as caught:
        await call
    return caught.value.reason


async def test_what_is_sealed_opens_after_a_restart_in_its_context_alone(open_keys, store):
    async with open_keys() as keys:
        sealed = await Sealer(keys, "credentials").seal(["totp", "alice"], SEED)
        assert await Sealer(keys, "credentials").open(["totp", "alice"], sealed) == SEED
    assert SEED not in sealed
    async with open_keys() as keys:
        sealer = Sealer(keys, "credentials")
        assert await sealer.open(["totp", "alice"], sealed) == SEED
        for context in (["totp", "bob"], ["totpa", "lice"], ["totp"], ["totp", "alice", ""]):
            assert await reason(sealer.open(context, sealed)) == "ENCRYPTED_FIELD_ALTERED"
        other = Sealer(keys, "others")
        assert await reason(other.open(["totp", "alice"], sealed)) == "ENCRYPTION_KEY_WRONG"
        assert await reason(sealer.open(["totp", "alice"], b"")) == "ENCRYPTION_KEY_WRONG"


async def test_the_keys_are_stored_wrapped(open_keys, store):
    async with open_keys() as keys:
        ring = await keys.ring(Sealer(keys, "credentials")._scope)
        raw = ring.active._key
        master = bytes.fromhex((store.folder / "encryption_key").read_text())
        content = await store.content()
        for secret in (raw, master, raw.hex().encode(), master.hex().encode()):
            assert secret not in content
        assert ring.active.id in content or repr(ring.active.id)[2:-1].encode() in content


async def test_two_machines_that_begin_together_have_the_same_keys(open_keys):
    async with open_keys() as one, open_keys() as other:
        sealed = await Sealer(one, "credentials").seal(["a"], SEED)
        assert await Sealer(other, "credentials").open(["a"], sealed) == SEED
        sealed = await Sealer(other, "credentials").seal(["a"], SEED)
        assert await Sealer(one, "credentials").open(["a"], sealed) == SEED


@pytest.mark.parametrize("content", [None, "00" * 32, "nonsense"])
async def test_another_master_key_is_noticed_at_the_start(open_keys, store, content):
    path = store.folder / "encryption_key"
    async with open_keys() as keys:
        await Sealer(keys, "credentials").seal(["a"], SEED)
    path.unlink()
    if content is not None:
        path.write_text(content)
        path.chmod(0o600)
    before = await store.content()
    with pytest.raises(MasterKeyError) as caught:
        async with open_keys():
            pass
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert await store.content() == before
    assert (path.read_text() if path.exists() else None) == content


@pytest.mark.parametrize("wrapped", [b"", None])
async def test_no_key_is_made_in_the_place_of_one_that_was_marked_as_destroyed(
    open_keys, store, wrapped
):
    async with open_keys() as keys:
        sealed = await Sealer(keys, "credentials").seal(["a"], SEED)
    async with store.open() as (database, _):
        (key,) = [each for each in await KeyStore(database).all() if not each.is_tenants]
        assert key.purpose is KeyPurpose.SEAL
        gone = replace(
            key, state=KeyState.DESTROYED, wrapped=key.wrapped if wrapped is None else wrapped
        )
        await database.run(lambda transaction: put_keys(transaction, changed=[gone]))
    before = await store.content()
    async with open_keys() as keys:
        sealer = Sealer(keys, "credentials")
        assert await reason(sealer.seal(["a"], SEED)) == "ENCRYPTION_KEY_UNUSABLE"
        assert await reason(sealer.open(["a"], sealed)) == "ENCRYPTION_KEY_UNUSABLE"
    assert await store.content() == before
