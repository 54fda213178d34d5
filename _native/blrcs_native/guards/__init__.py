"""What admits or rejects a call before its handler, one guard a module."""
