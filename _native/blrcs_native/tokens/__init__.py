"""Tokens and their keys: read strictly, verified, remembered, and revoked."""
