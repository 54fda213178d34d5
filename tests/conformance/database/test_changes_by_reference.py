"""Changes whose image is the record's, on the way to the schema before, and back."""

from functools import partial
from importlib import import_module

import sqlalchemy as sa

from blrcs.database.kind import kind_of
from blrcs.database.migrations.branch import BLRCS
from blrcs.database.migrations.running import differences, move
from blrcs.database.migrations.starting import bring_up_to_date
from blrcs.database.tables import metadata, record_changes, records

MIGRATION = import_module("blrcs.database.migrations.versions.0011_changes_by_reference")

KEY = {"tenant": "acme", "collection": "orders"}
CREATED, UPDATED, DELETED = 1, 2, 3


def record(
    record_id: str, sequence: int | None, revision: int = 1, time_ns: int = 1
) -> dict[str, object]:
    shown = {"document": "{}", "encoded": b"image of " + record_id.encode(), "sealed": b"sealed"}
    times = {"create_time_ns": time_ns, "update_time_ns": time_ns, "expire_time_ns": None}
    told = {"revision": revision, "change_sequence": sequence}
    return {**KEY, "record_id": record_id, **shown, **times, **told}


def change(sequence: int, kind: int, record_id: str, image: bytes | None) -> dict[str, object]:
    what = {"kind": kind, "record_id": record_id, "changed_at_ns": 1}
    return {**KEY, "sequence": sequence, **what, "encoded": image, "sealed": None}


def fill(connection: sa.Connection) -> None:
    # The last two as a server of before has left them: changed, and expired and created anew.
    left = [record("d", 5, revision=2), record("e", 6, time_ns=2)]
    connection.execute(sa.insert(records), [record("a", 1), record("b", None), *left])
    rows = [
        change(1, CREATED, "a", None),
        change(2, CREATED, "b", b"as it was"),
        change(3, UPDATED, "b", b"image of b"),
        change(4, DELETED, "c", None),
        change(5, CREATED, "d", None),
        change(6, CREATED, "e", None),
    ]
    connection.execute(sa.insert(record_changes), rows)
    connection.commit()


def images(connection: sa.Connection) -> list[tuple[bytes | None, bytes | None]]:
    query = sa.text("SELECT encoded, sealed FROM record_changes ORDER BY sequence")
    return [(row.encoded, row.sealed) for row in connection.execute(query)]


async def test_a_change_has_an_image_of_its_own_in_the_schema_before(empty_url: str) -> None:
    road = kind_of(empty_url).road(empty_url)
    await bring_up_to_date(road)
    await road.run(fill)
    to_before = partial(move, place="here", branch=BLRCS, target=MIGRATION.down_revision)
    await road.run(to_before)
    own = [
        (b"image of a", b"sealed"),
        (b"as it was", None),
        (b"image of b", None),
        *[(None, None)] * 3,
    ]
    assert await road.run(images) == own
    await bring_up_to_date(road)
    assert await road.run(images) == own
    assert await road.run(partial(differences, metadata=metadata)) == []
