"""What a caller may set of a limit rule."""

from dataclasses import dataclass

from blrcs.domain.limit_rule import Descriptor, LimitMode, OnLoss
from blrcs.domain.policy import NS_PER_S, Algorithm

UPDATABLE = frozenset(
    {
        "domain",
        "match",
        "requests",
        "period",
        "burst",
        "algorithm",
        "shadow",
        "mode",
        "on_loss",
    }
)
ATTRIBUTES = {"period": "period_ns"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRuleFields:
    """Values for the fields of a rule of the same names."""

    domain: str = ""
    match: Descriptor = ()
    requests: int = 0
    period_ns: int = NS_PER_S
    burst: int | None = None
    algorithm: Algorithm = "gcra"
    shadow: bool = False
    mode: LimitMode = "exact"
    on_loss: OnLoss = "local"

    def chosen(self, fields: frozenset[str]) -> dict[str, object]:
        """The values of some fields, by the names of a rule's attributes."""
        names = (ATTRIBUTES.get(name, name) for name in fields)
        return {name: getattr(self, name) for name in names}
