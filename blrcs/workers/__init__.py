"""What the workers of one server have in common: memory, places, and how they are started."""
