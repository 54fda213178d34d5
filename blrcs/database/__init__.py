"""Databases behind the repository ports."""
