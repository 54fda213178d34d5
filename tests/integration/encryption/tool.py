"""What ``blrcs encryption`` does, beside servers on the same store."""

import contextlib
import itertools
from functools import partial
from types import SimpleNamespace

from blrcs.encryption.data_keys import DataKeys
from blrcs.encryption.key_store import KeyStore
from blrcs.encryption.local_master_key import FileMasterKey
from blrcs.encryption.master_key import MasterKeys
from blrcs.encryption.reencryption import Reencryption
from blrcs.encryption.retirement import SETTLING_NS, destroy_unused
from blrcs.encryption.rotation import KeyRotation
from blrcs.encryption.sealed_values import values_by_key
from blrcs.encryption.server_values import SCOPE, server_values_by_key
from blrcs.encryption.shredding import StoredTenantShredder


@contextlib.asynccontextmanager
async def tool(store, name="encryption_key", *older):
    ticks = itertools.count(1)
    masters = MasterKeys(*_masters(store, name, older))
    async with store.open() as (database, _):
        keys = DataKeys(KeyStore(database), masters, lambda: next(ticks))
        await keys.check()
        yield SimpleNamespace(
            database=database,
            keys=keys,
            rotation=KeyRotation(database, masters, keys),
            reencryption=Reencryption(database, keys),
            values_by_key=lambda scope: database.run(
                partial(values_by_key, scope=scope), read_only=True
            ),
            server_values_by_key=lambda scope=SCOPE: database.run(
                partial(server_values_by_key, scope=scope), read_only=True
            ),
            destroy_unused=lambda now_ns=2 * SETTLING_NS: destroy_unused(database, now_ns),
            shred=StoredTenantShredder(database).shred,
            stored=KeyStore(database).all,
        )


def _masters(store, name, older):
    first, *others = [FileMasterKey(store.folder / each) for each in (name, *older)]
    return first, others


async def all_of(run):
    return [progress async for progress in run]
