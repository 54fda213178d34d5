"""Envelope encryption: a master key wraps tenants' keys, those wrap data keys, which seal."""
