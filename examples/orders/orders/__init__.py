"""An order service: its policies stand in proto/orders/v1/orders.proto, its behaviour here."""
