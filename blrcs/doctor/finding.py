"""One thing that is unsafe."""

from dataclasses import dataclass
from enum import StrEnum

from blrcs.config.doctor import Check


class Severity(StrEnum):
    """How bad it is."""

    CRITICAL = "critical"
    """Whoever can reach the server, or the machine, can take what is not theirs."""
    WARNING = "warning"
    """It takes a further fault to do harm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is unsafe. Its texts hold no value of a secret.

    Attributes:
        check: What found it.
        severity: How bad it is.
        key: The option that it comes from; empty where it comes from none.
        problem: What is so, and what follows from it.
        remedy: What to do about it.
    """

    check: Check
    severity: Severity
    key: str = ""
    problem: str
    remedy: str
