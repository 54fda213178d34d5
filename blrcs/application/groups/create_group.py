"""Creating a group."""

from blrcs.application.groups.group_fields import GroupFields
from blrcs.application.ports.access import AccessChanges, AccessTransaction
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator
from blrcs.domain.access_references import check_nested_groups
from blrcs.domain.group import Group


class CreateGroup:
    """Creates a group."""

    def __init__(self, *, access: AccessChanges, secrets: SecretGenerator, clock: Clock) -> None:
        self._access = access
        self._secrets = secrets
        self._clock = clock

    async def __call__(self, group_id: str, fields: GroupFields) -> Group:
        """The group created, under a made-up id if none is given.

        Raises:
            FailedPreconditionError: A group among the members does not exist, or leads back here or
                too deep.
            AlreadyExistsError: The id is taken.
        """
        now_ns = self._clock()
        group = Group(
            id=group_id or self._secrets.resource_id(),
            display_name=fields.display_name,
            members=fields.members,
            create_time_ns=now_ns,
            update_time_ns=now_ns,
        )

        def operation(access: AccessTransaction) -> None:
            access.groups.add(group)
            check_nested_groups(group, access.groups.all())

        await self._access.change(operation)
        return group
