"""Reading a binding."""

from blrcs.application.bindings.parent import found_within
from blrcs.application.ports.access import AccessRules
from blrcs.domain.binding import Binding


class GetBinding:
    """Reads a binding."""

    def __init__(self, *, rules: AccessRules) -> None:
        self._rules = rules

    async def __call__(self, name: str, *, parent: str) -> Binding:
        """The binding; NotFoundError where there is none for the parent, or below it."""
        return found_within(self._rules.policy, name, parent)
