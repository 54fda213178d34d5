"""Dry runs of a policy as messages."""

from collections.abc import Iterator

from blrcs.api.access_messages import binding_fields, group_fields, role_fields
from blrcs.api.times import to_timestamp
from blrcs.application.access.dry_run import Outcome
from blrcs.application.bindings.binding_fields import UPDATABLE as OF_BINDINGS
from blrcs.application.groups.group_fields import UPDATABLE as OF_GROUPS
from blrcs.application.roles.role_fields import UPDATABLE as OF_ROLES
from blrcs.domain.access_name import BINDINGS, GROUPS, ROLES, require_name
from blrcs.domain.binding import Binding
from blrcs.domain.group import Group
from blrcs.domain.policy_change import PolicyChange
from blrcs.domain.role import Role
from blrcs.v1 import access_pb2

DEFAULT_CHANGES = 1000


def candidate(request: access_pb2.DryRunRequest) -> PolicyChange:
    """What would be different; InvalidArgumentError where a name is missing."""
    return PolicyChange(
        roles=[
            Role(
                name=require_name(each.name, ROLES, field="roles.name"),
                **role_fields(each).chosen(OF_ROLES),  # type: ignore[arg-type]
                create_time_ns=0,
                update_time_ns=0,
            )
            for each in request.roles
        ],
        groups=[
            Group(
                name=require_name(each.name, GROUPS, field="groups.name"),
                **group_fields(each).chosen(OF_GROUPS),  # type: ignore[arg-type]
                create_time_ns=0,
                update_time_ns=0,
            )
            for each in request.groups
        ],
        bindings=[
            Binding(
                name=require_name(each.name, BINDINGS, field="bindings.name"),
                **binding_fields(each).chosen(OF_BINDINGS),  # type: ignore[arg-type]
                create_time_ns=0,
                update_time_ns=0,
            )
            for each in request.bindings
        ],
        deleted=tuple(request.deleted),
        etags=dict(_etags(request)),
    )


def _etags(request: access_pb2.DryRunRequest) -> Iterator[tuple[str, str]]:
    for kind in (request.roles, request.groups, request.bindings):
        for each in kind:
            yield each.name, each.etag


def dry_run_message(outcome: Outcome, most: int) -> access_pb2.DryRunResponse:
    """What would change, of as many changes as are asked for."""
    return access_pb2.DryRunResponse(
        changes=[
            access_pb2.DecisionChange(
                principal=each.decision.principal,
                permission=each.decision.permission,
                resource=each.decision.resource,
                allowed=each.decision.allowed,
                would_be_allowed=each.would_be_allowed,
                conditional=each.conditional,
                count=each.decision.count,
                last_time=to_timestamp(each.decision.last_time_ns),
            )
            for each in outcome.changes[: most or DEFAULT_CHANGES]
        ],
        change_count=len(outcome.changes),
        decision_count=outcome.examined,
        exceeded=outcome.exceeded,
    )
