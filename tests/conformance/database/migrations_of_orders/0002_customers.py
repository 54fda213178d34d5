"""Orders have customers."""

import sqlalchemy as sa
from alembic import op

from blrcs.database.migrations.steps import (
    add_column,
    create_index,
    create_table,
    drop_column,
    drop_index,
    drop_table,
)
from blrcs.database.types import KEY, NUMBER

revision = "0002"
down_revision = "0001"

FIRST = sa.text(
    "INSERT INTO customers (id, orders) SELECT id, 1 FROM users"
    " WHERE NOT EXISTS (SELECT 1 FROM customers)"
)


def upgrade():
    create_table(
        "customers",
        sa.Column("id", KEY, nullable=False),
        sa.Column("orders", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute(FIRST)
    add_column("orders", sa.Column("customer", KEY, nullable=True))
    create_index("ix_orders_customer", "orders", ["customer"])


def downgrade():
    drop_index("ix_orders_customer", "orders")
    drop_column("orders", "customer")
    drop_table("customers")
