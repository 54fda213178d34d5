"""Use cases of AccessService about roles."""
