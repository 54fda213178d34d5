"""Histories of concurrent transactions, and what they show of the isolation between these."""
