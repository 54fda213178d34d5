"""Built-in methods answered in one step, from bytes to bytes, beside their Python handlers."""
