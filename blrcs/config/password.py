"""What passwords have to be like, and how they are kept."""

from typing import Annotated

from pydantic import Field

from blrcs.config.duration import Duration, between
from blrcs.config.section import ReadableFile, Section
from blrcs.config.size import SizeBytes

LEAST_MEMORY_BYTES = 19 << 20


class Password(Section):
    """Passwords (after NIST SP 800-63B-4 and OWASP's Password Storage Cheat Sheet)."""

    min_length: Annotated[int, Field(ge=8, le=64)] = 8
    """Characters that a password has at least."""
    blocklist: ReadableFile | None = None
    """A file of passwords that nobody may choose, one a line, beside those that are built in."""
    hash_time: Annotated[Duration, between("0s", "5s")] = Duration.parse("50ms")
    """How long one hash shall take. 0 takes the least that is safe."""
    hash_memory: Annotated[SizeBytes, Field(ge=LEAST_MEMORY_BYTES, le=1 << 30)] = LEAST_MEMORY_BYTES
    """The memory that one hash takes; two are made at once."""
