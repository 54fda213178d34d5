"""The access policy as the guards want it, in parts that are made anew where it changes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain

from blrcs.application.ports.clock import Clock
from blrcs.domain.access_difference import changed_names
from blrcs.domain.access_name import home_of
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding
from blrcs.domain.builtin_roles import BUILTIN_ROLES
from blrcs.domain.condition.condition import Condition
from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.group import Group
from blrcs.domain.role import Role
from blrcs.security.condition_compiler import compile_condition
from blrcs_native.access import table as native
from blrcs_native.conditions.condition import Condition as NativeCondition

ROOT = ""

Resource = Role | Group | Binding
Place = Mapping[str, Resource]
Specs = tuple[list[native.RoleSpec], list[native.GroupSpec], list[native.BindingSpec]]


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """A policy, and the table that decides by it.

    Attributes:
        places: What each tenant has of it, by tenant and name, and what the root has.
    """

    policy: AccessPolicy
    table: native.AccessTable
    places: Mapping[str, Place] = field(default_factory=dict)


def compile_policy(
    policy: AccessPolicy, clock: Clock, *, since: CompiledPolicy | None = None
) -> CompiledPolicy:
    """The policy compiled: of an earlier one, what differs alone.

    Raises:
        FailedPreconditionError: It cannot be put into force.
    """
    try:
        if since is None:
            table = native.AccessTable(*_specs(BUILTIN_ROLES), clock=clock)
            since = CompiledPolicy(AccessPolicy(), table, {ROOT: BUILTIN_ROLES})
        places = _changed_places(since, policy)
        changed = {place: _specs(places.get(place, {})) for place in _differing(since, places)}
        return CompiledPolicy(policy, since.table.changed(changed, epoch=policy.epoch), places)
    except native.AccessSpecError as error:
        raise FailedPreconditionError("ACCESS_POLICY_INVALID", str(error)) from None


def _changed_places(since: CompiledPolicy, policy: AccessPolicy) -> dict[str, Place]:
    """The places of the policy; what does not differ is the very one of before."""
    places: dict[str, Place] = dict(since.places)
    copied: dict[str, dict[str, Resource]] = {}
    for old, new in _kinds(since.policy, policy):
        for name in changed_names(old, new):
            for each, is_there in ((old.get(name), False), (new.get(name), True)):
                if each is None:
                    continue
                place = home_of(each.resource if isinstance(each, Binding) else name)
                if place not in copied:
                    places[place] = copied[place] = dict(places.get(place, {}))
                if is_there:
                    copied[place][name] = each
                else:
                    del copied[place][name]
    return {place: resources for place, resources in places.items() if resources}


def _kinds(
    old: AccessPolicy, new: AccessPolicy
) -> Iterable[tuple[Mapping[str, Resource], Mapping[str, Resource]]]:
    return (old.roles, new.roles), (old.groups, new.groups), (old.bindings, new.bindings)


def _differing(since: CompiledPolicy, places: Mapping[str, Place]) -> set[str]:
    named = set(chain(since.places, places))
    return {place for place in named if since.places.get(place) is not places.get(place)}


def _specs(place: Place) -> Specs:
    found: Specs = ([], [], [])
    for each in place.values():
        match each:
            case Role():
                found[0].append(native.RoleSpec(each.name, each.permissions, each.included_roles))
            case Group():
                found[1].append(native.GroupSpec(each.name, each.members))
            case Binding():
                found[2].append(_binding_spec(each))
    return found


def _binding_spec(binding: Binding) -> native.BindingSpec:
    return native.BindingSpec(
        binding.name,
        binding.role,
        binding.members,
        binding.resource,
        binding.expire_time_ns,
        binding.denies,
        _compiled(binding.condition),
    )


def _compiled(condition: Condition | None) -> NativeCondition | None:
    return None if condition is None else compile_condition(condition.expression)
