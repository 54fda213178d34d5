"""Issuers that others run: their keys, and who their subjects are here."""
