"""Use cases of UserService about service accounts."""
