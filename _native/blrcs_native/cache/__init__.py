"""Caches in memory: their table and lists, namespaces, and the copies that other processes keep."""
