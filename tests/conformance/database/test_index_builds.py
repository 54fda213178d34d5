"""Indexes that are under way, on the way to the schema before, and back."""

from functools import partial
from importlib import import_module

import sqlalchemy as sa

from blrcs.database.kind import kind_of
from blrcs.database.migrations.branch import BLRCS
from blrcs.database.migrations.running import differences, move
from blrcs.database.migrations.starting import bring_up_to_date
from blrcs.database.repositories.record_feed import GUARD
from blrcs.database.tables import collections, index_builds, metadata, record_feeds

MIGRATION = import_module("blrcs.database.migrations.versions.0013_index_builds")
FEED = {"tenant": "acme", "incarnation": 1, "sequence": 0, "purged": 0}
TEXTS = {"display_name": "", "json_schema": "", "encrypted_fields": "[]", "secret_fields": "[]"}
TIMES = {"created_at_ns": 1, "updated_at_ns": 1, "default_ttl_ns": None}


def fill(connection: sa.Connection) -> None:
    row = {"tenant": "acme", "id": "built", "indexes": '["n"]', "data_key": b"", "revision": 7}
    changes = {"index_changes": '{"building": ["city"], "retiring": [], "dropping": []}'}
    connection.execute(sa.insert(collections), [{**row, **TEXTS, **TIMES, **changes}])
    feeds = [
        {**FEED, "collection": "built", "revision": 7 + GUARD},
        {**FEED, "collection": "others", "revision": 7},
    ]
    connection.execute(sa.insert(record_feeds), feeds)
    build = {"tenant": "acme", "collection": "built", "after_id": "r7"}
    connection.execute(sa.insert(index_builds), [{**build, "held_by": "me", "held_until_ns": 1}])
    connection.commit()


def content(connection: sa.Connection) -> list[tuple[object, ...]]:
    feeds = sa.text("SELECT collection, revision FROM record_feeds ORDER BY collection")
    indexes = sa.text("SELECT indexes, revision FROM collections")
    return [tuple(row) for each in (feeds, indexes) for row in connection.execute(each)]


async def test_what_is_whole_is_left_and_servers_of_before_may_write_again(empty_url: str) -> None:
    assert MIGRATION.GUARD == GUARD
    road = kind_of(empty_url).road(empty_url)
    await bring_up_to_date(road)
    await road.run(fill)
    to_before = partial(move, place="here", branch=BLRCS, target=MIGRATION.down_revision)
    await road.run(to_before)
    left = [("built", 7), ("others", 7), ('["n"]', 7)]
    assert await road.run(content) == left
    await bring_up_to_date(road)
    assert await road.run(content) == left
    assert await road.run(partial(differences, metadata=metadata)) == []
