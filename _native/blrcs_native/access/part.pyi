"""One part of the access table: what none owns, or what concerns one tenant."""

from typing import Final, final

MAX_ROLE_DEPTH: Final = 16
MAX_GROUP_DEPTH: Final = 8

@final
class AccessPart: ...
