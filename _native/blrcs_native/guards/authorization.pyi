"""The guards that ask whether the caller may: before the body is parsed, and after."""

from collections.abc import Callable
from typing import final

from blrcs_native.access.decision_log import DecisionLog
from blrcs_native.access.resource_template import ResourceTemplate
from blrcs_native.access.table import AccessTable
from blrcs_native.calls.call import Call
from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards.guard import Guard
from blrcs_native.shared.generation import Generation

@final
class CurrentAccess:
    """The access table in force, read at every call: one swap changes all guards.

    Where it follows a generation, ``load_anew`` is called before the next decision after it moved,
    and replaces the table; what it raises is raised by the decision.
    """

    def __init__(self, table: AccessTable) -> None: ...
    @property
    def table(self) -> AccessTable: ...
    def permits(self, call: Call, permission: str, resource: str) -> bool:
        """Whether a call's principal may, by its groups and its scope too; nobody owns anything."""
    def replace(self, table: AccessTable) -> None: ...
    def record(self, log: DecisionLog | None) -> None:
        """Has all decisions on resources noted; whoever holds nothing is refused after the body."""
    def follow(self, generation: Generation, load_anew: Callable[[], object]) -> None: ...

class AccessGuard(Guard):
    """Asks for one permission on the resource that a template names.

    A call without a principal, and a resource that cannot be rendered, are denied. With
    ``or_owner`` a principal needs no permission on its own name and on what lies below it, unless a
    binding denies it. Where a principal has a scope, the permission must be in it.
    """

    def __init__(
        self,
        access: CurrentAccess,
        permission: str,
        template: ResourceTemplate,
        denied: Rejection,
        *,
        or_owner: bool = False,
        shadow: bool = False,
    ) -> None: ...

@final
class HeadAuthorizationGuard(AccessGuard):
    """Decides from metadata alone.

    For a template without fields that is the whole decision, unless a binding's condition asks for
    the request. For one with fields it rejects whoever holds the permission on no resource at all.
    :class:`ObjectAuthorizationGuard` decides the rest.
    """

@final
class ObjectAuthorizationGuard(AccessGuard):
    """Decides by the fields of the parsed request, for each message where the client streams.

    With a template without fields, only what the head's guard left undecided.
    """

    def tell_unnamed(self, unnamed: dict[str, Rejection]) -> None:
        """By field: what is told, where it names nothing, to who has the permission somewhere."""
