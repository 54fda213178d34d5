"""Use cases about limit rules."""
