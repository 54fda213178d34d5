"""What is wrong with a configuration, and where."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. Its text holds no value of a secret.

    Attributes:
        origin: ``file:line``, ``file``, the variable's name, or ``flag``.
        key: The option's key path, or empty where the fault lies in the origin as a whole.
        reason: What is wrong with it.
    """

    origin: str
    key: str
    reason: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.origin, self.key, self.reason) if part)


class ConfigError(Exception):
    """The configuration is not valid; nothing of it is in effect.

    Attributes:
        problems: Everything found to be wrong, at least one.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)
