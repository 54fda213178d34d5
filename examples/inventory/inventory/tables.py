"""The tables, as the migrations make them, and what is asked of them."""

import sqlalchemy as sa

from blrcs.database.statement import Statement
from blrcs.database.types import KEY, NUMBER, TEXT
from blrcs.database.upsert import upsert

metadata = sa.MetaData()
items = sa.Table(
    "inventory_items",
    metadata,
    sa.Column("sku", KEY, primary_key=True),
    sa.Column("title", TEXT, nullable=False),
    sa.Column("units", NUMBER, nullable=False),
)
sightings = sa.Table(
    "inventory_sightings",
    metadata,
    sa.Column("sku", KEY, primary_key=True),
    sa.Column("shelf", TEXT, nullable=False),
    sa.Column("seen_ns", NUMBER, nullable=False),
)

PUT_ITEM = upsert(items)
ITEM = Statement(sa.select(items).where(items.c.sku == sa.bindparam("of_sku")))
ITEMS_AFTER = Statement(
    sa.select(items)
    .where(items.c.sku > sa.bindparam("after"))
    .order_by(items.c.sku)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
SET_UNITS = Statement(
    sa.update(items)
    .where(items.c.sku == sa.bindparam("of_sku"))
    .values(units=sa.bindparam("new_units"))
)

PUT_SIGHTING = upsert(sightings)
SIGHTING = Statement(sa.select(sightings).where(sightings.c.sku == sa.bindparam("of_sku")))
FORGET_SIGHTINGS = Statement(
    sa.delete(sightings).where(sightings.c.seen_ns < sa.bindparam("before_ns"))
)
