"""Conditions of bindings: a part of CEL, read and checked when a binding is written."""
