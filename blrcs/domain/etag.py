"""Etags: opaque text that is different after every change of a resource (AIP-154)."""

from blrcs.domain.errors import AbortedError


def render_etag(create_time_ns: int, revision: int) -> str:
    """The etag of a revision. The time of creation tells a resource from its namesake before it."""
    return f"{create_time_ns:x}-{revision:x}"


def require_etag(name: str, *, stored: str, given: str) -> None:
    """Raises AbortedError unless ``given`` is empty or is the stored etag of ``name``."""
    if given and given != stored:
        raise AbortedError(name)
