"""Use cases of AccessService about groups."""
