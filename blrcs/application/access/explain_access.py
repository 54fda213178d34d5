"""Explaining a check."""

from blrcs.application.ports.access import AccessAnswers
from blrcs.domain.access_decision import AccessExplanation, AccessQuery


class ExplainAccess:
    """Says why a principal holds a permission on a resource, or why not."""

    def __init__(self, *, answers: AccessAnswers) -> None:
        self._answers = answers

    async def __call__(self, principal: str, query: AccessQuery) -> AccessExplanation:
        """The decision that a check would give, with its reasons."""
        return self._answers.explain(principal, query)
