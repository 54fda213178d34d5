"""Use cases about roles."""
