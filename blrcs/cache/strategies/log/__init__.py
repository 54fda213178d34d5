"""A log of writes on disk, from which they are carried out later."""
