"""Why a token is refused: one preallocated value for each reason."""

from collections.abc import Mapping
from typing import Final, final

@final
class TokenRefusal:
    @property
    def reason(self) -> str: ...
    @property
    def description(self) -> str: ...

REFUSALS: Final[Mapping[str, TokenRefusal]]
