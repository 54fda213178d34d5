"""Getting a group."""

from blrcs.application.ports.access import GroupReader
from blrcs.domain.group import Group, group_name
from blrcs.domain.errors import NotFoundError


class GetGroup:
    """Gets a group by id."""

    def __init__(self, *, groups: GroupReader) -> None:
        self._groups = groups

    async def __call__(self, group_id: str) -> Group:
        """The group; NotFoundError if there is none."""
        group = await self._groups.get(group_id)
        if group is None:
            raise NotFoundError(group_name(group_id))
        return group
