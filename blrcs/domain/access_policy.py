"""Who may do what where: roles, groups and bindings, and what must hold between them."""

from collections import ChainMap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

from blrcs.domain.access_closure import has_administrator
from blrcs.domain.access_name import home_of, is_group, owned_by
from blrcs.domain.binding import Binding
from blrcs.domain.builtin_roles import BUILTIN_ROLES
from blrcs.domain.errors import AlreadyExistsError, FailedPreconditionError, NotFoundError
from blrcs.domain.etag import require_etag
from blrcs.domain.group import Group
from blrcs.domain.group_conditions import writes_out
from blrcs.domain.role import Role
from blrcs.domain.tenant_border import check_border

MAX_NESTING = 8
MAX_ROLE_LEVELS = 8
"""Of the root's roles, and of a tenant's own on top: together what can be put into force."""
MAX_CONDITIONAL = 1000
"""Bindings with conditions on the root, and in each tenant: one decision judges each only once."""
FOR_EVER_NS = 2**63 - 1  # no expiry is later

Resource = TypeVar("Resource", Role, Group, Binding)


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """All roles, groups and bindings, by name; the built-in roles are not among them.

    Every change gives a new policy, in which what they say of each other holds: roles and groups
    that are named exist, none includes itself, and somebody stays administrator. What a tenant owns
    counts within it alone: for a role or group of another, all is as if there were none.

    Attributes:
        epoch: Grows with every change.
        stamp: Of whoever stored the epoch, which may come again with other content where the
            database was put back. What is made of a policy has that one's until it is stored.
    """

    roles: Mapping[str, Role] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    bindings: Mapping[str, Binding] = field(default_factory=dict)
    epoch: int = 0
    stamp: bytes = b""

    @property
    def all_roles(self) -> Mapping[str, Role]:
        """The built-in roles too."""
        # Only read, and not copied: this is asked for each of many bindings.
        return ChainMap(cast("dict[str, Role]", self.roles), BUILTIN_ROLES)

    def with_role(self, role: Role) -> "AccessPolicy":
        """With a role added or changed.

        Raises:
            FailedPreconditionError: It is built in, or includes itself in the end, or roles include
                each other over too many levels; or, where it is denied, nobody would be left as
                administrator.
            NotFoundError: It includes a role that does not exist, or that another tenant owns.
        """
        refuse_builtin(role.name)
        check_border(role)
        changed = replace(self, roles={**self.roles, role.name: role}, epoch=self.epoch + 1)
        known = changed.all_roles
        _require(role.included_roles, known)
        if _reaches(role.name, {name: each.included_roles for name, each in known.items()}):
            raise FailedPreconditionError("ROLE_CYCLE", f"{role.name} would include itself")
        home = home_of(role.name)
        if _levels(known, home) > max(MAX_ROLE_LEVELS, _levels(self.all_roles, home)):
            raise FailedPreconditionError(
                "ROLE_TOO_DEEP", f"roles of one place include each other {MAX_ROLE_LEVELS} deep"
            )
        return self._keep_administrator(changed, role.name)

    def without_role(self, name: str, etag: str) -> "AccessPolicy":
        """Without a role that nothing uses.

        Raises:
            FailedPreconditionError: It is built in, bound, or included in another role.
            NotFoundError, AbortedError: It does not exist, or has another etag.
        """
        refuse_builtin(name)
        role = found(self.roles, name)
        require_etag(name, stored=role.etag, given=etag)
        users = [each.name for each in self.bindings.values() if each.role == name]
        users += [each.name for each in self.roles.values() if name in each.included_roles]
        if users:
            raise FailedPreconditionError(
                "ROLE_IN_USE", f"{name} is used by {users[0]}", metadata={"user": users[0]}
            )
        return replace(self, roles=_without(self.roles, name), epoch=self.epoch + 1)

    def with_group(self, group: Group) -> "AccessPolicy":
        """With a group added or changed.

        Raises:
            FailedPreconditionError: It contains itself in the end, or nests too deeply; or nobody
                would be left as administrator for good.
            NotFoundError: It contains a group that does not exist, or is owned by others than it.
        """
        check_border(group)
        changed = replace(self, groups={**self.groups, group.name: group}, epoch=self.epoch + 1)
        own = owned_by(home_of(group.name), changed.groups)
        _require(filter(is_group, group.members), own)
        below = {name: tuple(filter(is_group, each.members)) for name, each in own.items()}
        if _reaches(group.name, below):
            raise FailedPreconditionError("GROUP_CYCLE", f"{group.name} would contain itself")
        if _depth(below) > MAX_NESTING:
            raise FailedPreconditionError(
                "GROUP_TOO_DEEP", f"groups nest at most {MAX_NESTING} deep"
            )
        return self._keep_administrator(changed, group.name)

    def without_group(self, name: str, etag: str) -> "AccessPolicy":
        """Without a group that nothing names.

        Raises:
            FailedPreconditionError: A binding, or its condition, or another group names it.
            NotFoundError, AbortedError: It does not exist, or has another etag.
        """
        group = found(self.groups, name)
        require_etag(name, stored=group.etag, given=etag)
        users = self._holders_of(name)
        users += [each.name for each in self.bindings.values() if writes_out(each, name)]
        if users:
            raise FailedPreconditionError(
                "GROUP_IN_USE", f"{name} is used by {users[0]}", metadata={"user": users[0]}
            )
        return replace(self, groups=_without(self.groups, name), epoch=self.epoch + 1)

    def with_binding(self, binding: Binding, *, now_ns: int) -> "AccessPolicy":
        """With a binding added or changed.

        Raises:
            FailedPreconditionError: Nobody would be left as administrator, or too many bindings
                would have conditions where its resource lies: in one tenant, or in none.
            NotFoundError: Its role, or a group among its members, does not exist, or is owned by a
                tenant that its resource does not lie in.
        """
        check_border(binding)
        _require([binding.role], self.all_roles)
        _require(filter(is_group, binding.members), self.groups)
        bindings = {**self.bindings, binding.name: binding}
        home = home_of(binding.resource)
        conditional = sum(
            each.condition is not None and home_of(each.resource) == home
            for each in bindings.values()
        )
        if binding.condition is not None and conditional > MAX_CONDITIONAL:
            raise FailedPreconditionError(
                "TOO_MANY_CONDITIONS",
                f"at most {MAX_CONDITIONAL} bindings have conditions in one place",
            )
        before = self.bindings.get(binding.name, binding)
        return self._with_bindings(bindings, before.resource, binding.resource, now_ns=now_ns)

    def without_binding(self, name: str, etag: str, *, now_ns: int) -> "AccessPolicy":
        """Without a binding.

        Raises:
            FailedPreconditionError: Nobody would be left as administrator.
            NotFoundError, AbortedError: It does not exist, or has another etag.
        """
        binding = found(self.bindings, name)
        require_etag(name, stored=binding.etag, given=etag)
        bindings = _without(self.bindings, name)
        return self._with_bindings(bindings, binding.resource, now_ns=now_ns)

    def without_principal(self, principal: str, *, now_ns: int) -> "AccessPolicy":
        """With a principal taken out of every binding and group; bindings left empty go.

        Itself where nothing names the principal. Nothing of it is refused: the principal is gone.
        """
        if not self._holders_of(principal):
            return self
        bindings = {}
        for name, binding in self.bindings.items():
            kept = binding.without_member(principal, now_ns=now_ns)
            if kept.members:
                bindings[name] = kept
        groups = {
            name: group.without_member(principal, now_ns=now_ns)
            for name, group in self.groups.items()
        }
        return replace(self, bindings=bindings, groups=groups, epoch=self.epoch + 1)

    def without_expired(self, *, until_ns: int) -> "AccessPolicy":
        """Without the bindings that had expired by then; itself where there are none."""
        kept = {
            name: binding for name, binding in self.bindings.items() if binding.counts_at(until_ns)
        }
        if len(kept) == len(self.bindings):
            return self
        return replace(self, bindings=kept, epoch=self.epoch + 1)

    def refuse_taken(self, resource: Role | Group | Binding) -> None:
        """Raises AlreadyExistsError if there is a resource of the name.

        The name of a built-in role is not taken, but refused by ``with_role``.
        """
        if any(resource.name in taken for taken in (self.roles, self.groups, self.bindings)):
            raise AlreadyExistsError(resource.name)

    def _holders_of(self, member: str) -> list[str]:
        """The names of the bindings and groups that name a member."""
        bindings = [each.name for each in self.bindings.values() if member in each.members]
        return bindings + [each.name for each in self.groups.values() if member in each.members]

    def _with_bindings(
        self, bindings: Mapping[str, Binding], *places: str, now_ns: int
    ) -> "AccessPolicy":
        changed = replace(self, bindings=bindings, epoch=self.epoch + 1)
        return self._keep_administrator(changed, *places, times_ns=(now_ns,))

    def _keep_administrator(
        self, changed: "AccessPolicy", *places: str, times_ns: tuple[int, ...] = ()
    ) -> "AccessPolicy":
        """The changed policy, unless it takes the last user who administers then, or for good.

        A binding that expires does not stand in for one that does not: it would only delay the day
        on which nobody is left. What lies in tenants (``places``) makes nobody administrator.
        """
        if all(map(home_of, places)):
            return changed
        for at_ns in (*times_ns, FOR_EVER_NS):
            if self._has_administrator(at_ns) and not changed._has_administrator(at_ns):  # noqa: SLF001
                raise FailedPreconditionError(
                    "LAST_ADMINISTRATOR",
                    "no user would be left with roles/administrator on the root",
                )
        return changed

    def _has_administrator(self, at_ns: int) -> bool:
        return has_administrator(self, at_ns)


def found(resources: Mapping[str, Resource], name: str) -> Resource:
    """The resource of a name; NotFoundError where there is none."""
    resource = resources.get(name)
    if resource is None:
        raise NotFoundError(name)
    return resource


def refuse_builtin(name: str) -> None:
    """Raises FailedPreconditionError for the name of a built-in role."""
    if name in BUILTIN_ROLES:
        raise FailedPreconditionError("ROLE_BUILTIN", f"{name} is built in and cannot be changed")


def _require(names: Iterable[str], known: Mapping[str, object]) -> None:
    for name in names:
        if name not in known:
            raise NotFoundError(name)


def _without(resources: Mapping[str, Resource], name: str) -> dict[str, Resource]:
    return {key: resource for key, resource in resources.items() if key != name}


def _reaches(start: str, below: Mapping[str, Iterable[str]]) -> bool:
    """Whether a way down from ``start`` leads back to it."""
    seen: set[str] = set()
    waiting = list(below.get(start, ()))
    while waiting:
        name = waiting.pop()
        if name == start:
            return True
        if name not in seen:
            seen.add(name)
            waiting.extend(below.get(name, ()))
    return False


def _levels(roles: Mapping[str, Role], home: str) -> int:
    """How deep the roles of one home include each other."""
    own = owned_by(home, roles)
    return _depth(
        {name: [each for each in role.included_roles if each in own] for name, role in own.items()}
    )


def _depth(below: Mapping[str, Iterable[str]]) -> int:
    """How many names the longest way down has; no way may lead back to where it was."""
    known: dict[str, int] = {}

    def depth(name: str) -> int:
        if name not in known:  # or a few groups, each in all above, would take exponential time
            known[name] = 1 + max(map(depth, below.get(name, ())), default=0)
        return known[name]

    return max(map(depth, below), default=0)
