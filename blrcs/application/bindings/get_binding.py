"""Reading a binding."""

from blrcs.application.ports.access import AccessRules
from blrcs.domain.access_policy import found
from blrcs.domain.binding import Binding


class GetBinding:
    """Reads a binding."""

    def __init__(self, *, rules: AccessRules) -> None:
        self._rules = rules

    async def __call__(self, name: str) -> Binding:
        """The binding; NotFoundError where there is none."""
        return found(self._rules.policy.bindings, name)
