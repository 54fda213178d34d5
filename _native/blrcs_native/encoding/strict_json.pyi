"""JSON objects read by one rule: whatever could be read in two ways is refused."""

from typing import Any, Final

MAX_DEPTH: Final[int]

def read_object(text: bytes) -> dict[str, Any] | None: ...
