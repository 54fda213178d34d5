"""Reading a group."""

from blrcs.application.ports.access import AccessRules
from blrcs.domain.access_policy import found
from blrcs.domain.group import Group


class GetGroup:
    """Reads a group."""

    def __init__(self, *, rules: AccessRules) -> None:
        self._rules = rules

    async def __call__(self, name: str) -> Group:
        """The group; NotFoundError where there is none."""
        return found(self._rules.policy.groups, name)
