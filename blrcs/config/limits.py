"""Limit rules that the configuration states (blrcs.v1.LimitRule)."""

from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from blrcs.config.duration import Duration, between
from blrcs.config.section import Section

LimitBackend = Literal["memory", "redis"]
"""Where LimitService counts."""
LimitMode = Literal["exact", "leased"]
"""How machines count together (blrcs.v1.LimitMode)."""
LimitLoss = Literal["open", "closed", "local"]
"""What happens while Redis is lost (blrcs.v1.LimitLoss)."""
LimitAlgorithm = Literal["gcra", "fixed_window", "sliding_window", "concurrency"]
"""How a limit counts (blrcs.v1.LimitAlgorithm)."""

Requests = Annotated[int, Field(ge=1, le=1_000_000_000)]
Period = Annotated[Duration, between("1ms", "366d")]


class RateSection(Section):
    """How often: the numbers that every limit has."""

    requests: Requests
    """Allowed in a period."""
    period: Period = Duration.parse("1s")
    """The length of the period; for concurrency, how long one call may hold its place."""
    burst: Requests | None = None
    """Allowed at once by GCRA; as many as `requests` if not given."""
    algorithm: LimitAlgorithm = "gcra"
    """How it is counted."""

    @model_validator(mode="after")
    def _check_burst(self) -> Self:
        if self.burst is not None and self.algorithm != "gcra":
            raise ValueError(f"burst belongs to gcra, not to {self.algorithm}")
        return self


class LimitEntry(Section):
    """One step of a descriptor."""

    key: Annotated[str, Field(min_length=1, max_length=128)]
    """The entry's key."""
    value: Annotated[str, Field(max_length=512)] = ""
    """The entry's value; a trailing `*` matches any ending, an empty one every value."""


class LimitRule(RateSection):
    """A limit, and the descriptors that it applies to."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$")]
    """The last segment of `limitRules/{name}`."""
    domain: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    """What rules are gathered under."""
    match: Annotated[tuple[LimitEntry, ...], Field(min_length=1, max_length=8)]
    """The descriptors it applies to: those of equal length and keys, and of matching values."""
    shadow: bool = False
    """Decide and record, but let pass."""
    mode: LimitMode = "exact"
    """How machines count together in Redis: each decision asks it, or most do by leased shares."""
    on_loss: LimitLoss = "local"
    """What happens while Redis is lost: all is admitted, refused, or counted by each machine."""

    @model_validator(mode="after")
    def _check_mode(self) -> Self:
        if self.mode == "leased" and self.algorithm == "concurrency":
            raise ValueError("concurrency has no leased mode")
        return self


class Limits(Section):
    """Where LimitService counts, and the rules that cannot be changed by RPC."""

    backend: LimitBackend = "memory"
    """Where it counts: in the machine's memory, or, for all machines together, in Redis."""
    redis_timeout: Annotated[Duration, between("1ms", "10s")] = Duration.parse("100ms")
    """How long a decision waits for Redis before it counts as lost."""
    redis_retry: Annotated[Duration, between("10ms", "1m")] = Duration.parse("500ms")
    """How often a Redis that is lost is looked for."""
    rules: tuple[LimitRule, ...] = ()
    """The rules, in any order."""

    @model_validator(mode="after")
    def _check_rules_differ(self) -> Self:
        names = Counter(rule.name for rule in self.rules)
        for name, count in names.items():
            if count > 1:
                raise ValueError(f"{count} rules are called {name!r}")
        seen: dict[tuple[str, tuple[LimitEntry, ...]], str] = {}
        for rule in self.rules:
            other = seen.setdefault((rule.domain, rule.match), rule.name)
            if other != rule.name:
                raise ValueError(f"rules {other!r} and {rule.name!r} match the same descriptors")
        return self
