"""Access by brute force: every binding is tried for every question, and nothing is compiled.

It is written from what roles, groups and bindings mean, over lists of segments, so that it shares
no shortcut with the native table. It remembers what it has found out, for those who ask again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from blrcs_native.access.table import MAX_GROUP_DEPTH, BindingSpec, GroupSpec, RoleSpec


@cache
def matches(pattern: str, permission: str) -> bool:
    """A wildcard stands for one or more segments."""
    wanted, given = pattern.split("."), permission.split(".")
    if wanted[-1] != "*":
        return wanted == given
    return len(given) >= len(wanted) and given[: len(wanted) - 1] == wanted[:-1]


@cache
def home_of(name: str) -> str:
    """The tenant that a role or group belongs to, or that a resource lies in."""
    segments = name.split("/")
    return "/".join(segments[:2]) if segments[0] == "tenants" and segments[1:] else ""


@cache
def reaches(name: str, home: str) -> bool:
    """Whether a role or group can be named in a tenant, or where there is none."""
    return home_of(name) in {"", home}


@cache
def covers(prefix: str, resource: str) -> bool:
    """The root covers everything; otherwise the first segments must be the same."""
    wanted = prefix.split("/") if prefix else []
    given = resource.split("/") if resource else []
    return given[: len(wanted)] == wanted


@dataclass(frozen=True, slots=True)
class AccessModel:
    """The questions of the native table, answered slowly, at a given time.

    Nothing of what it is made of may change.
    """

    roles: Sequence[RoleSpec]
    groups: Sequence[GroupSpec]
    bindings: Sequence[BindingSpec]
    judge: Callable[[Any], Callable[[str, str, int], bool | None]] = lambda _: lambda *_: True
    """What a condition says of a principal, a resource and a time; None where it cannot be told."""
    _concerned: dict[tuple[Any, ...], list[BindingSpec]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def patterns(self, role: str) -> Iterator[str]:
        """What a role grants, over what it includes; undefined roles grant nothing."""
        for spec in self.roles:
            if spec.name == role:
                yield from spec.permissions
                for included in spec.includes:
                    if reaches(included, home_of(role)):
                        yield from self.patterns(included)

    def members_for(self, principal: str, groups: Iterable[str] = ()) -> set[str]:
        """Every name in a binding that means the principal, whom an issuer puts into groups."""
        if principal.startswith(("groups/", "tenants/")) or principal in {
            "allAuthenticated",
            "allUsers",
        }:
            return set()
        if not principal:
            return {"allUsers"}
        names = {principal, *groups}
        for _ in range(MAX_GROUP_DEPTH):
            names |= {group.name for group in self.groups if names & self._held_by(group)}
        return names | {"allAuthenticated", "allUsers"}

    def _held_by(self, group: GroupSpec) -> set[str]:
        home = home_of(group.name)
        return {
            each
            for each in group.members
            if not each.startswith(("groups/", "tenants/")) or home_of(each) == home
        }

    def concerned(
        self, principal: str, permission: str, now_ns: int, groups: Iterable[str] = ()
    ) -> list[BindingSpec]:
        """The bindings in force about the permission for the principal, on any resource."""
        question = (principal, permission, now_ns, tuple(groups))
        if question not in self._concerned:
            self._concerned[question] = list(self._concerning(*question))
        return self._concerned[question]

    def _concerning(
        self, principal: str, permission: str, now_ns: int, groups: Iterable[str]
    ) -> Iterator[BindingSpec]:
        names = self.members_for(principal, groups)
        for binding in self.bindings:
            home = home_of(binding.resource)
            expires_at_ns = binding.expires_at_ns
            if (
                names & {each for each in binding.members if reaches(each, home)}
                and reaches(binding.role, home)
                and (expires_at_ns is None or now_ns < expires_at_ns)
                and any(matches(pattern, permission) for pattern in self.patterns(binding.role))
            ):
                yield binding

    def granting(
        self, principal: str, permission: str, now_ns: int, groups: Iterable[str] = ()
    ) -> list[BindingSpec]:
        found = self.concerned(principal, permission, now_ns, groups)
        return [binding for binding in found if not binding.denies]

    def denying(
        self,
        principal: str,
        permission: str,
        resource: str,
        now_ns: int,
        groups: Iterable[str] = (),
    ) -> list[BindingSpec]:
        found = self.concerned(principal, permission, now_ns, groups)
        return [
            each
            for each in found
            if each.denies
            and covers(each.resource, resource)
            and self._holds(each, principal, resource, now_ns) is not False
        ]

    def _holds(
        self, binding: BindingSpec, principal: str, resource: str, now_ns: int
    ) -> bool | None:
        if binding.condition is None:
            return True
        return self.judge(binding.condition)(principal, resource, now_ns)

    def check(
        self,
        principal: str,
        permission: str,
        resource: str,
        now_ns: int,
        groups: Iterable[str] = (),
    ) -> bool:
        if self.denying(principal, permission, resource, now_ns, groups):
            return False
        found = self.granting(principal, permission, now_ns, groups)
        return any(
            covers(binding.resource, resource)
            and self._holds(binding, principal, resource, now_ns) is True
            for binding in found
        )

    def holds_anywhere(
        self, principal: str, permission: str, now_ns: int, groups: Iterable[str] = ()
    ) -> bool:
        if self.denying(principal, permission, "", now_ns, groups):
            return False
        return bool(self.granting(principal, permission, now_ns, groups))

    def permissions(
        self, principal: str, resource: str, known_permissions: Iterable[str], now_ns: int
    ) -> list[str]:
        return [name for name in known_permissions if self.check(principal, name, resource, now_ns)]
