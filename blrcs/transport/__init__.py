"""Transports: they turn bytes into calls.

Above this package nothing knows how bytes arrive; below it nothing knows what a call means.
"""
