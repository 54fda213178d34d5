"""Rows of many keys on PostgreSQL, of whose tables nothing is known."""

from blrcs.database.postgresql.adapter import PostgresqlAdapter
from blrcs.database.postgresql.migrate import migrate
from blrcs.database.repositories.plain_records import ADD
from blrcs.database.repositories.record_lookup import _STORED_ROWS
from blrcs.database.slow_log.plan import ask_plan
from tests.servers.postgresql import PostgresqlServer

THIS = {"of_tenant": "acme", "of_collection": "orders"}
KEYS = [f"r{number}" for number in range(0, 200, 2)]


def row(number: int) -> dict[str, object]:
    times = {"create_time_ns": 1, "update_time_ns": 1, "expire_time_ns": None}
    return {
        "tenant": "acme",
        "collection": "orders",
        "record_id": f"r{number}",
        "document": "{}",
        "encoded": b"",
        "sealed": None,
        "revision": 1,
        "change_sequence": None,
    } | times


async def test_each_key_is_looked_for_by_itself(postgresql_server: PostgresqlServer) -> None:
    url = postgresql_server.url("keyed")
    postgresql_server.create_database("keyed")
    await migrate(url)
    async with await PostgresqlAdapter.open(url) as database:
        await database.execute_many(ADD, [row(number) for number in range(150)])
        found = await _STORED_ROWS.fetch(database, "postgresql", KEYS, **THIS)
        again = await _STORED_ROWS.fetch(database, "postgresql", [*KEYS, *KEYS], **THIS)
        none = await _STORED_ROWS.fetch(database, "postgresql", [], **THIS)
        plan, _ = await ask_plan(database, _STORED_ROWS._whole, {"keys0": KEYS} | THIS)
    assert sorted(each.record_id for each in found) == sorted(KEYS[:75])
    assert len(again) == len(found)
    assert none == []
    assert "Seq Scan" not in plan
    (condition,) = [line for line in plan.splitlines() if "Index Cond" in line]
    assert "record_id" in condition
