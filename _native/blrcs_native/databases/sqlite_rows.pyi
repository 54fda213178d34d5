"""Rows as a table of SQLite's, for native callers alone."""
