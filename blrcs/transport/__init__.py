"""Transports: they turn bytes into calls."""
