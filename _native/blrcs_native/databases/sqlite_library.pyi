"""SQLite's functions, for native callers alone."""
