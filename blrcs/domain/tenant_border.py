"""What a tenant owns counts within that tenant alone."""

from blrcs.domain.access_name import home_of, is_group
from blrcs.domain.binding import Binding
from blrcs.domain.errors import NotFoundError
from blrcs.domain.group import Group
from blrcs.domain.role import Role


def check_border(resource: Role | Group | Binding) -> None:
    """Raises NotFoundError for a role or group that it names over the border of a tenant.

    What there is in another tenant is as unknown as what is nowhere. A role may include, and a
    binding name, those that none owns; a group contains groups of its own home alone.
    """
    match resource:
        case Role():
            named, place = resource.included_roles, home_of(resource.name)
        case Group():
            named, place = tuple(filter(is_group, resource.members)), home_of(resource.name)
        case Binding():
            groups = filter(is_group, resource.members)
            named, place = (resource.role, *groups), resource.resource
    for name in named:
        home = home_of(name)
        if home and not f"{place}/".startswith(f"{home}/"):
            raise NotFoundError(name)
        if isinstance(resource, Group) and home != place:
            raise NotFoundError(name)
