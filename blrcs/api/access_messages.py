"""Roles, groups and bindings as messages."""

from blrcs.api.times import from_timestamp, to_optional_timestamp, to_timestamp
from blrcs.application.bindings.binding_fields import BindingFields
from blrcs.application.groups.group_fields import GroupFields
from blrcs.application.ports.access import Explanation
from blrcs.application.roles.role_fields import RoleFields
from blrcs.domain.binding import Binding, Effect
from blrcs.domain.condition.condition import Condition
from blrcs.domain.group import Group
from blrcs.domain.role import Role
from blrcs.domain.who_can import Holder
from blrcs.v1 import access_pb2


def role_fields(message: access_pb2.Role) -> RoleFields:
    """What a caller sets of a role."""
    return RoleFields(
        display_name=message.display_name,
        permissions=tuple(message.permissions),
        included_roles=tuple(message.included_roles),
    )


def role_message(role: Role) -> access_pb2.Role:
    """A role as its message."""
    message = access_pb2.Role(
        name=role.name,
        display_name=role.display_name,
        permissions=role.permissions,
        included_roles=role.included_roles,
        builtin=role.builtin,
        etag=role.etag,
    )
    if not role.builtin:
        message.create_time.CopyFrom(to_timestamp(role.create_time_ns))
        message.update_time.CopyFrom(to_timestamp(role.update_time_ns))
    return message


def group_fields(message: access_pb2.Group) -> GroupFields:
    """What a caller sets of a group."""
    return GroupFields(display_name=message.display_name, members=tuple(message.members))


def group_message(group: Group) -> access_pb2.Group:
    """A group as its message."""
    return access_pb2.Group(
        name=group.name,
        display_name=group.display_name,
        members=group.members,
        create_time=to_timestamp(group.create_time_ns),
        update_time=to_timestamp(group.update_time_ns),
        etag=group.etag,
    )


def binding_fields(message: access_pb2.Binding) -> BindingFields:
    """What a caller sets of a binding."""
    expires = message.HasField("expire_time")
    return BindingFields(
        role=message.role,
        members=tuple(message.members),
        resource=message.resource,
        expire_time_ns=(
            from_timestamp(message.expire_time, "binding.expire_time") if expires else None
        ),
        effect=Effect(message.effect or Effect.GRANT.value),
        condition=_condition(message.condition) if message.HasField("condition") else None,
    )


def binding_message(binding: Binding) -> access_pb2.Binding:
    """A binding as its message."""
    return access_pb2.Binding(
        name=binding.name,
        role=binding.role,
        members=binding.members,
        resource=binding.resource,
        expire_time=to_optional_timestamp(binding.expire_time_ns),
        create_time=to_timestamp(binding.create_time_ns),
        update_time=to_timestamp(binding.update_time_ns),
        etag=binding.etag,
        effect=binding.effect.value,  # type: ignore[arg-type]
        condition=_condition_message(binding.condition),
    )


def _condition(message: access_pb2.Condition) -> Condition:
    return Condition(message.expression, message.title, message.description)


def _condition_message(condition: Condition | None) -> access_pb2.Condition | None:
    if condition is None:
        return None
    return access_pb2.Condition(
        expression=condition.expression,
        title=condition.title,
        description=condition.description,
    )


def _effect(*, denies: bool) -> access_pb2.BindingEffect:
    if denies:
        return access_pb2.BINDING_EFFECT_DENY
    return access_pb2.BINDING_EFFECT_GRANT


def holder_message(holder: Holder) -> access_pb2.Holder:
    """Who holds a permission, as its message."""
    return access_pb2.Holder(
        principal=holder.principal,
        grants=[
            access_pb2.Grant(
                binding=each.binding.name,
                role=each.binding.role,
                member=each.member,
                resource=each.binding.resource,
                applies=True,
                effect=_effect(denies=False),
                conditional=each.binding.condition is not None,
            )
            for each in holder.held_by
        ],
        conditional=holder.conditional,
        excepted=holder.excepted,
    )


def explanation_message(explanation: Explanation, epoch: int) -> access_pb2.ExplainResponse:
    """An explanation as its message."""
    return access_pb2.ExplainResponse(
        allowed=explanation.allowed,
        reason=explanation.reason,
        grants=[
            access_pb2.Grant(
                binding=grant.binding,
                role=grant.role,
                member=grant.member,
                resource=grant.resource,
                applies=grant.applies,
                reason=grant.reason,
                effect=_effect(denies=grant.denies),
            )
            for grant in explanation.grants
        ],
        epoch=epoch,
    )
