"""Conditions of bindings, as trees of nodes that answer for one call."""
