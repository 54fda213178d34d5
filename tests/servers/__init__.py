"""Servers of others that tests start for themselves."""
