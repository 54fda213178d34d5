"""Use cases about groups."""
