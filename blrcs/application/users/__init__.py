"""Use cases of UserService about users."""
