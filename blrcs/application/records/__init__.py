"""Use cases about records."""
