"""Finds the limit rule that a descriptor matches, by UTF-8 as it came over the wire."""

from collections.abc import Callable, Iterable
from typing import final

from blrcs_native.limits.limiter import Limiter, Rule
from blrcs_native.limits.share import Share
from blrcs_native.shared.generation import Generation

@final
class LimitRule:
    """A rule with the name that callers know it by; in shadow it only watches.

    Where it is not the limiter that counts, ``shares`` has, by the values of descriptors, what may
    be spent without asking. It may change.
    """

    def __init__(
        self,
        name: str,
        rule: Rule,
        *,
        shadow: bool = False,
        shares: dict[bytes, Share] | None = None,
    ) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def rule(self) -> Rule: ...
    @property
    def shadow(self) -> bool: ...
    @property
    def shares(self) -> dict[bytes, Share] | None: ...

@final
class LimitIndex:
    """Rules by domain and match; of two with the same match the later counts. Immutable.

    ``rules`` are triples of a domain, the pairs of key and value that a descriptor must have, and
    the rule. An empty value matches every one, a trailing ``*`` any ending. Of several rules that
    match, the one that is exact earliest is found, then the longest beginning, then any value.
    """

    def __init__(
        self, rules: Iterable[tuple[str, Iterable[tuple[str, str]], LimitRule]] = ()
    ) -> None: ...

@final
class CurrentLimits:
    """The rules in effect and the limiter that counts for them; one swap changes them all.

    Where it follows a generation, ``load_anew`` is called before the next look after it moved, and
    replaces the index; what it raises is raised by the look.
    """

    def __init__(self, limiter: Limiter) -> None: ...
    @property
    def limiter(self) -> Limiter: ...
    @property
    def index(self) -> LimitIndex: ...
    def replace(self, index: LimitIndex) -> None: ...
    def follow(self, generation: Generation, load_anew: Callable[[], object]) -> None: ...
