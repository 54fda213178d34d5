"""Use cases about access as a whole."""
