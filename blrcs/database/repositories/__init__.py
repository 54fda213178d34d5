"""The ports of the built-in services on the database."""
