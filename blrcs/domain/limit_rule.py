"""Limit rules, and the descriptors that they apply to."""

from dataclasses import dataclass
from typing import Literal

from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.etag import render_etag
from blrcs.domain.policy import NS_PER_S, Algorithm

COLLECTION = "limitRules"
WILDCARD = "*"

LimitMode = Literal["exact", "leased"]
"""How machines count together (blrcs.v1.LimitMode)."""
OnLoss = Literal["open", "closed", "local"]
"""What becomes of a limit that nobody can be asked about (blrcs.v1.LimitLoss)."""


@dataclass(frozen=True, slots=True)
class LimitEntry:
    """One step of a descriptor: ``user=alice``."""

    key: str
    value: str = ""


Descriptor = tuple[LimitEntry, ...]
"""What is counted: a path of entries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRule:
    """A limit, and the descriptors that it applies to.

    Attributes:
        match: Entries of the descriptors' keys, and of their values where they are stated; a
            trailing ``*`` in a value matches any ending.
        burst: For GCRA; None is as many as ``requests``.
        mode: Where several machines count together: each decision by what all have taken, or by
            shares drawn in advance.
        on_loss: Where they do, and what they count in is lost: admit, refuse, or count alone.
        configured: It stands in the configuration and cannot be changed by RPC.
        create_time_ns: 0 for a configured rule, like the others.
    """

    id: str
    domain: str
    match: Descriptor
    requests: int
    period_ns: int = NS_PER_S
    burst: int | None = None
    algorithm: Algorithm = "gcra"
    shadow: bool = False
    mode: LimitMode = "exact"
    on_loss: OnLoss = "local"
    configured: bool = False
    create_time_ns: int = 0
    update_time_ns: int = 0
    revision: int = 1

    @property
    def name(self) -> str:
        """``limitRules/{limit_rule}``."""
        return limit_rule_name(self.id)

    @property
    def etag(self) -> str:
        """Different after every change; empty for a configured rule."""
        return "" if self.configured else render_etag(self.create_time_ns, self.revision)

    def check(self) -> None:
        """Raises InvalidArgumentError unless all that a rule needs is there."""
        if not self.domain:
            raise InvalidArgumentError("limit_rule.domain", "is needed")
        if not self.match:
            raise InvalidArgumentError("limit_rule.match", "has at least one entry")
        if not self.requests:
            raise InvalidArgumentError("limit_rule.requests", "is at least 1")
        if self.burst is not None and self.algorithm != "gcra":
            raise InvalidArgumentError("limit_rule.burst", "belongs to GCRA")
        if self.mode == "leased" and self.algorithm == "concurrency":
            raise InvalidArgumentError("limit_rule.mode", "is exact for concurrency")


def limit_rule_name(rule_id: str) -> str:
    """The name of a rule."""
    return f"{COLLECTION}/{rule_id}"


def limit_rule_id_in(name: str, *, field: str = "name") -> str:
    """The id in ``limitRules/{limit_rule}``; InvalidArgumentError about ``field`` otherwise."""
    collection, _, rule_id = name.partition("/")
    if collection != COLLECTION or not rule_id or "/" in rule_id:
        raise InvalidArgumentError(field, f"is not of the form {COLLECTION}/*")
    return rule_id
