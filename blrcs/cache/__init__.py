"""Cache namespaces behind the cache port."""
