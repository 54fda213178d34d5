"""Statements that are run at nearly every call find what others do."""

import pytest
import sqlalchemy as sa

from blrcs.database.statement import Statement
from blrcs.database.tables import record_feeds
from tests.integration.stores import Store

ADD = Statement(sa.insert(record_feeds))
OF = Statement(
    sa.select(record_feeds.c.sequence).where(
        record_feeds.c.tenant == sa.bindparam("tenant"),
        record_feeds.c.collection == sa.bindparam("collection"),
    )
)
FEED = {"incarnation": 1, "revision": 1, "purged": 0}


@pytest.mark.parametrize("turned", [False, True], ids=["in their order", "in another order"])
async def test_what_is_found_is_what_is_fetched(store: Store, turned: bool) -> None:
    names = ("collection", "tenant") if turned else ("tenant", "collection")
    async with store.open() as (database, reader):
        find = reader.finder(OF, *names)
        for number, collection in enumerate("ab"):
            await database.execute(
                ADD, tenant="acme", collection=collection, sequence=number, **FEED
            )
            values = (collection, "acme") if turned else ("acme", collection)
            fetched = reader.fetch_one(OF, tenant="acme", collection=collection)
            assert find(*values) == fetched == (number,)
            assert find(*values).sequence == number
        assert find("acme", "acme") is None
