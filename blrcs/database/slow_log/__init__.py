"""Statements that took long: which, for whom, and by what plan."""
