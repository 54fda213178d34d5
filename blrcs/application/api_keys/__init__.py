"""Use cases of UserService about API keys."""
