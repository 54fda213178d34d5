"""Scripts that Redis runs, each in one step."""

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Script:
    """A script in Lua, known to Redis by its hash once it was loaded.

    All keys that it uses are given as such, and lie in one slot.
    """

    text: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        """Redis's own hash of a script."""
        digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "digest", digest)
