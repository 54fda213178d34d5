"""Use cases of CacheService."""
