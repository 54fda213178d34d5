"""Copies of a database that take reads off it."""
