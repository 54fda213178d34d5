"""Records between the wire and the tables: read, written, copied and sealed without a message."""
