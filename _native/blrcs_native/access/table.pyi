"""Who may do what where: roles, groups and bindings compiled into one immutable table."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, final

from blrcs_native.access.explanation import Explanation
from blrcs_native.access.resource_template import validate_resource as validate_resource
from blrcs_native.access.spec import AccessSpecError as AccessSpecError
from blrcs_native.access.spec import BindingSpec as BindingSpec
from blrcs_native.access.spec import GroupSpec as GroupSpec
from blrcs_native.access.spec import RoleSpec as RoleSpec
from blrcs_native.calls.call import Call

MAX_ROLE_DEPTH: Final = 16
MAX_GROUP_DEPTH: Final = 8

@final
class AccessTable:
    def __init__(
        self,
        roles: Iterable[RoleSpec],
        groups: Iterable[GroupSpec],
        bindings: Iterable[BindingSpec],
        *,
        clock: Callable[[], int] = ...,
        epoch: int = ...,
    ) -> None: ...
    def changed(
        self,
        places: Mapping[str, tuple[Iterable[RoleSpec], Iterable[GroupSpec], Iterable[BindingSpec]]],
        *,
        epoch: int,
    ) -> AccessTable: ...
    @property
    def epoch(self) -> int: ...
    @property
    def reads_message(self) -> bool: ...
    def check(
        self,
        principal: str,
        permission: str,
        resource: str,
        *,
        groups: tuple[str, ...] = (),
        call: Call | None = None,
    ) -> bool: ...
    def holds_anywhere(
        self, principal: str, permission: str, *, groups: tuple[str, ...] = ()
    ) -> bool: ...
    def explain(
        self,
        principal: str,
        permission: str,
        resource: str,
        *,
        groups: tuple[str, ...] = (),
        call: Call | None = None,
    ) -> Explanation: ...
    def permissions(
        self, principal: str, resource: str, known_permissions: Iterable[str]
    ) -> list[str]: ...
