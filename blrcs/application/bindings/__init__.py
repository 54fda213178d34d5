"""Use cases of AccessService about bindings."""
