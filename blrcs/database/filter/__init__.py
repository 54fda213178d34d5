"""Filters, orders and pages as statements."""
