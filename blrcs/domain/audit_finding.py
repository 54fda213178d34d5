"""What a verification finds."""

from dataclasses import dataclass, field
from typing import Literal

Problem = Literal["edited", "removed", "reordered", "forked", "truncated", "torn", "unsigned"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a chain, at the first record where anything is.

    Attributes:
        chain: Which.
        seq: The record.
        problem: ``edited`` (it is not what was written), ``removed``, ``reordered`` (it stands
            elsewhere), ``forked`` (another one has its place), ``truncated`` (it is known, and the
            chain ends before it), ``torn`` (it is not whole, as a writer that was killed leaves
            it) or ``unsigned`` (it and what follows it, up to a checkpoint, bear no valid
            signature).
        detail: One line for people.
    """

    chain: str
    seq: int
    problem: Problem
    detail: str

    def __str__(self) -> str:
        return f"chain {self.chain}: record {self.seq} is {self.problem}: {self.detail}"


@dataclass(slots=True)
class ChainReport:
    """What was seen of one chain.

    Attributes:
        chain: Which.
        first_seq: The first record that is kept; 0 where there is none.
        last_seq: The last one.
        signed_seq: The last checkpoint. What follows is chained, and not signed yet.
        finding: What is wrong; None where all is as it was written.
    """

    chain: str
    first_seq: int = 0
    last_seq: int = 0
    signed_seq: int = 0
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What was seen of all chains of a server."""

    chains: list[ChainReport] = field(default_factory=list)

    @property
    def findings(self) -> list[Finding]:
        """One for each chain that is not as it was written."""
        return [each.finding for each in self.chains if each.finding is not None]
