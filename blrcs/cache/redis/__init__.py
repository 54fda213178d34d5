"""The cache in Redis, for all workers of all machines."""
