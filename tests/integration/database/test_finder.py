"""Statements that are run at nearly every call find what others do."""

import pytest
import sqlalchemy as sa

from blrcs.database.statement import Statement
from blrcs.database.tables import record_feeds, service_accounts
from tests.integration.stores import Store

ADD = Statement(sa.insert(record_feeds))
OF = Statement(
    sa.select(record_feeds.c.sequence).where(
        record_feeds.c.tenant == sa.bindparam("tenant"),
        record_feeds.c.collection == sa.bindparam("collection"),
    )
)
ALL_OF = Statement(
    sa.select(record_feeds.c.sequence)
    .where(record_feeds.c.tenant == sa.bindparam("tenant"))
    .order_by(record_feeds.c.sequence.desc())
)
ADD_ACCOUNT = Statement(sa.insert(service_accounts))
DISABLED = Statement(
    sa.select(service_accounts.c.disabled).where(service_accounts.c.id == sa.bindparam("account"))
)
ACCOUNT = {
    "display_name": "",
    "token_generation": 0,
    "created_at_ns": 0,
    "updated_at_ns": 0,
    "revision": 1,
}
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
        assert find("acme", "acme") is None


async def test_what_is_found_of_flags_is_what_is_fetched(store: Store) -> None:
    async with store.open() as (database, reader):
        find = reader.finder(DISABLED, "account")
        for disabled in (True, False):
            await database.execute(ADD_ACCOUNT, **ACCOUNT, id=str(disabled), disabled=disabled)
            (found,) = find(str(disabled))
            assert found is disabled


async def test_what_is_found_holds_no_snapshot(store: Store) -> None:
    async with store.open() as (database, reader):
        find = reader.finder(ALL_OF, "tenant")
        for number, collection in enumerate("abc"):
            this = {"tenant": "acme", "collection": collection}
            await database.execute(ADD, **this, sequence=number, **FEED)
            assert find("acme") == (number,)
