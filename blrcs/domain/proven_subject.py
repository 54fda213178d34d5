"""Who a call without a principal proves to be, for the record of that call."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class ProvenSubject:
    """Whom a token was issued to, and of which session; empty until then."""

    name: str = ""
    session: str = ""


proven_subject: ContextVar[ProvenSubject | None] = ContextVar("proven_subject", default=None)
"""Of the call that is served; None where nobody wants to know."""


def note_subject(name: str, session: str) -> None:
    """Tells whoever wants to know that a token is issued."""
    subject = proven_subject.get()
    if subject is not None:
        subject.name, subject.session = name, session
