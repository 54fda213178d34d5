"""Use cases about collections of records."""
