"""Entities and rules. Standard library only: nothing here knows a wire, a database or a clock."""
