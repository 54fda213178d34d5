"""What one stage of a method's road would decide about a call."""

from dataclasses import dataclass
from typing import Literal

Decision = Literal["nothing to decide", "admits", "rejects", "depends"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one stage decides.

    Attributes:
        stage: Its name.
        decision: ``depends`` where only the running server, or the request, can tell.
        reasons: Lines of text; the first says why, the others what bears on it.
        code: The canonical code of a rejection, else empty.
        shadow: The stage decides and records, but lets the call pass.
    """

    stage: str
    decision: Decision
    reasons: tuple[str, ...]
    code: str = ""
    shadow: bool = False

    @property
    def stops(self) -> bool:
        """The call ends here."""
        return self.decision == "rejects" and not self.shadow
