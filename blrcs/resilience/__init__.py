"""Keeping the trouble of what a server depends on from becoming its own."""
