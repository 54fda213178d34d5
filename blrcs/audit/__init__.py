"""The audit log: chains of records in files, written by all workers and verified by anybody."""
