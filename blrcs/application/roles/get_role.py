"""Reading a role."""

from blrcs.application.ports.access import AccessRules
from blrcs.domain.access_policy import found
from blrcs.domain.role import Role


class GetRole:
    """Reads a role."""

    def __init__(self, *, rules: AccessRules) -> None:
        self._rules = rules

    async def __call__(self, name: str) -> Role:
        """The role; NotFoundError where there is none."""
        return found(self._rules.policy.all_roles, name)
