"""Whether the caller may: the guards of every method that needs a permission."""

from dataclasses import dataclass

from blrcs.domain.policy import MethodPolicy, Permission
from blrcs.interceptors.proto_policy import PolicyError
from blrcs.interceptors.statuses import bad_request, rejection
from blrcs_native.access.resource_template import ResourceTemplate
from blrcs_native.calls.method import Method
from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards.authorization import (
    CurrentAccess,
    HeadAuthorizationGuard,
    ObjectAuthorizationGuard,
)
from blrcs_native.guards.guard import Guard


@dataclass(frozen=True, slots=True)
class AuthorizationGuards:
    """A method's authorization: what metadata can decide, and what needs the request."""

    head: tuple[Guard, ...] = ()
    body: tuple[Guard, ...] = ()


def authorization_guards(
    method: Method, policy: MethodPolicy, access: CurrentAccess
) -> AuthorizationGuards:
    """The guards that a policy asks for.

    Raises:
        PolicyError: The resource template does not fit the request's type.
    """
    if not isinstance(policy.access, Permission):
        return AuthorizationGuards()
    template = _template(method, policy.access)
    arguments = (
        access,
        policy.access.name,
        template,
        rejection(
            "PERMISSION_DENIED",
            "authorization",
            "PERMISSION_DENIED",
            f"{policy.access.name} is needed",
            metadata={"permission": policy.access.name},
        ),
    )
    shadow = "authorization" in policy.shadow
    or_owner = policy.access.or_owner
    head = HeadAuthorizationGuard(*arguments, or_owner=or_owner, shadow=shadow)
    body = ObjectAuthorizationGuard(*arguments, or_owner=or_owner, shadow=shadow)
    if template.fields:
        body.tell_unnamed({field: _unnamed(field) for field in template.fields})
    return AuthorizationGuards(head=(head,), body=(body,))


def _unnamed(field: str) -> Rejection:
    violation = (field, "names no resource", "RESOURCE_NOT_NAMED")
    return rejection(
        "INVALID_ARGUMENT",
        "authorization",
        "REQUEST_INVALID",
        f"{field} names no resource",
        details=(bad_request((violation,)),),
    )


def _template(method: Method, permission: Permission) -> ResourceTemplate:
    try:
        return ResourceTemplate(permission.resource, method.input_descriptor)
    except ValueError as error:
        raise PolicyError(f"{method.name}: {error}") from None
