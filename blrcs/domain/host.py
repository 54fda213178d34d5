"""Hosts, as they are written."""


def bracketed(host: str) -> str:
    """A host as it stands before the colon of a port."""
    return f"[{host}]" if ":" in host else host
