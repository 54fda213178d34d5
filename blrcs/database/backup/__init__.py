"""Copies of a database in a form that every kind of database takes in."""
