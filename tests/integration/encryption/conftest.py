import itertools
from contextlib import asynccontextmanager

import pytest

from blrcs.encryption.data_keys import DataKeys
from blrcs.encryption.key_store import KeyStore
from blrcs.encryption.local_master_key import FileMasterKey
from blrcs.encryption.master_key import MasterKeys


@pytest.fixture
def open_keys(store):
    """Opens the keys of a server on the store; again, it is a restart or another machine."""
    ticks = itertools.count(1)

    @asynccontextmanager
    async def opening(name="encryption_key", *older):
        masters = [FileMasterKey(store.folder / each) for each in (name, *older)]
        async with store.open() as (database, _):
            keys = DataKeys(
                KeyStore(database), MasterKeys(masters[0], masters[1:]), lambda: next(ticks)
            )
            await keys.check()
            yield keys

    return opening
