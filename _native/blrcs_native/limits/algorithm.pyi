"""The arithmetic of the rate limit algorithms; offers nothing to Python."""
