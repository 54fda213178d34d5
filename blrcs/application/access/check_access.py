"""Checking permissions."""

from collections.abc import Iterable

from blrcs.application.ports.access import AccessAnswers
from blrcs.domain.access_decision import AccessDecisions, AccessQuery


class CheckAccess:
    """Says whether a principal holds permissions, one or many."""

    def __init__(self, *, answers: AccessAnswers) -> None:
        self._answers = answers

    async def __call__(self, principal: str, queries: Iterable[AccessQuery]) -> AccessDecisions:
        """The answers, from one table. A principal that is not known holds what everyone does."""
        return self._answers.check(principal, queries)
