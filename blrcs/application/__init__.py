"""Use cases, one a file, and the ports through which they reach the outside. Knows domain only."""
