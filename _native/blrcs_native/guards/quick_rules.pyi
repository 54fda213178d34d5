"""Rules on a message's fields that are quickly seen to hold; whoever is in doubt says so."""

from collections.abc import Iterable
from typing import Any, final

class QuickField:
    """A field that is fine where it is absent, and of which nothing else is known.

    ``has_presence``: absent is what was not sent. ``or_zero``: what is empty or zero is as good as
    absent.
    """

    def __init__(self, name: str, *, has_presence: bool = False, or_zero: bool = False) -> None: ...

@final
class QuickText(QuickField):
    """A string of so many code points and octets that fits a pattern.

    ``steps`` are what follows one another: characters of ASCII, and the least and the greatest
    number of them. Each takes as many as it can; a text that would fit in another way is in doubt,
    as is one beyond ASCII.
    """

    def __init__(
        self,
        name: str,
        *,
        has_presence: bool = False,
        or_zero: bool = False,
        least: int = 0,
        most: int | None = None,
        most_bytes: int | None = None,
        steps: Iterable[tuple[str, int, int | None]] | None = None,
    ) -> None: ...

@final
class QuickNumber(QuickField):
    """An integer from ``least`` to ``most``; one beyond 64 bits with a sign is in doubt."""

    def __init__(
        self,
        name: str,
        *,
        has_presence: bool = False,
        or_zero: bool = False,
        least: int | None = None,
        most: int | None = None,
    ) -> None: ...

@final
class QuickTexts(QuickField):
    """Strings, from ``least`` to ``most`` of them, each of which is as ``item`` says."""

    def __init__(
        self,
        name: str,
        *,
        item: QuickText | None = None,
        least: int = 0,
        most: int | None = None,
    ) -> None: ...

@final
class QuickMessage(QuickField):
    """A message of which rules hold; it may be absent, unless it is ``required``."""

    def __init__(self, name: str, rules: QuickRules, *, required: bool = False) -> None: ...

@final
class QuickMessages(QuickField):
    """Messages, from ``least`` to ``most`` of them, of each of which rules hold."""

    def __init__(
        self, name: str, rules: QuickRules, *, least: int = 0, most: int | None = None
    ) -> None: ...

@final
class QuickOneof(QuickField):
    """A oneof of which some field is there."""

@final
class QuickRules:
    """What must hold of a message's fields, each by itself."""

    @property
    def fields(self) -> tuple[QuickField, ...]: ...
    def __init__(self, fields: Iterable[QuickField]) -> None: ...
    def hold(self, message: Any) -> bool:
        """Whether all hold for sure; False also says that one may not."""
