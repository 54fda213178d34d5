"""What transactions did to lists, and what they saw of them.

Each key holds a list, to which unique numbers are appended, and a read gives all of it. So a read
tells in which order the writes were made, and by whom what it sees was written (Kingsbury and
Alvaro, Elle: Inferring Isolation Anomalies from Experimental Observations, 2020).
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Append:
    """A number was put at the end of a list."""

    key: str
    value: int


@dataclass(frozen=True, slots=True)
class Read:
    """A list was found to be so."""

    key: str
    values: tuple[int, ...]


Step = Append | Read


@dataclass(slots=True, eq=False)
class Run:
    """One transaction.

    Attributes:
        name: For people.
        steps: What it did, in order.
        committed: Whether it was; if not, nothing of it may ever be seen.
    """

    name: str
    steps: list[Step] = field(default_factory=list)
    committed: bool = False

    def appends(self, key: str) -> list[int]:
        """What it appended to a list, in order."""
        return [step.value for step in self.steps if isinstance(step, Append) and step.key == key]

    def __repr__(self) -> str:
        return self.name


History = list[Run]
