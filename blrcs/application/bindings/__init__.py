"""Use cases about bindings."""
