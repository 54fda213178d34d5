"""Failed proofs of identity, and what bounds them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FailureBound:
    """So many failures in a period, and so many at once (GCRA).

    Attributes:
        identity: Tells it from all others.
    """

    identity: str
    failures: int
    period_ns: int
    burst: int

    @property
    def step_ns(self) -> int:
        """How long until one failure is forgiven."""
        return self.period_ns // self.failures


@dataclass(frozen=True, slots=True)
class Failures:
    """Those of an account, or from an address.

    Attributes:
        bounds: All of them hold.
        key: Whose they are.
    """

    bounds: tuple[FailureBound, ...]
    key: str


def cells_of(failures: Sequence[Failures]) -> Iterator[tuple[FailureBound, str]]:
    """Each bound, and whose failures it bounds."""
    return ((bound, each.key) for each in failures for bound in each.bounds)
