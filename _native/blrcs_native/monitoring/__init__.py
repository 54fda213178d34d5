"""Metrics in one flat block of memory, and what calls are counted by."""
