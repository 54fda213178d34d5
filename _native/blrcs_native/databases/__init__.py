"""What drivers of databases are spared: SQLite's own functions, and PostgreSQL's binary rows."""
