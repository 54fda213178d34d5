"""Listing what a principal may do."""

from blrcs.application.ports.access import AccessAnswers, MethodPermissions
from blrcs.domain.access_decision import HeldPermissions


class ListPermissions:
    """Lists the permissions that a principal holds on a resource."""

    def __init__(self, *, answers: AccessAnswers, method_permissions: MethodPermissions) -> None:
        self._answers = answers
        self._method_permissions = method_permissions

    async def __call__(self, principal: str, resource: str) -> HeldPermissions:
        """Those held of the permissions that a method or a role names, sorted."""
        return self._answers.list_permissions(principal, resource, self._method_permissions())
