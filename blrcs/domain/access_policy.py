"""Who may do what where: roles, groups and bindings, and what must hold between them."""

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

from blrcs.domain.binding import Binding
from blrcs.domain.builtin_roles import BUILTIN_ROLES
from blrcs.domain.errors import AlreadyExistsError, FailedPreconditionError, NotFoundError
from blrcs.domain.etag import require_etag
from blrcs.domain.group import Group
from blrcs.domain.policy_change import PolicyChange
from blrcs.domain.policy_rules import FOR_EVER_NS, check_change
from blrcs.domain.role import Role

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

    def changed(self, change: PolicyChange, *, now_ns: int) -> "AccessPolicy":
        """With all of a change at once.

        What is put or deleted is held to what there is afterwards: roles that are put may include
        each other, and a role may be deleted with all that uses it.

        Raises:
            FailedPreconditionError: A role is built in, or would include itself in the end, or
                roles of one place each other over too many levels; a group would contain itself, or
                groups nest too deeply; what is deleted is used; too many bindings would have
                conditions where one lies, in one tenant or in none; or nobody would be left as
                administrator.
            NotFoundError: What is named, or to be deleted, does not exist, or is owned by a tenant
                that what names it does not lie in.
            AbortedError: Something stored has another etag than is expected.
        """
        self.require_expected(change)
        after = replace(
            self,
            roles=_changed(self.roles, change.roles, change.deleted),
            groups=_changed(self.groups, change.groups, change.deleted),
            bindings=_changed(self.bindings, change.bindings, change.deleted),
            epoch=self.epoch + 1,
        )
        check_change(self, after, change, now_ns)
        return after

    def require_expected(self, change: PolicyChange) -> None:
        """Refuses a change of what is built in, and of what is not there or is another by now.

        Raises:
            FailedPreconditionError, NotFoundError, AbortedError: See ``changed``.
        """
        for name in (*(each.name for each in change.roles), *change.deleted):
            refuse_builtin(name)
        stored: ChainMap[str, Role | Group | Binding] = ChainMap(
            cast("dict[str, Role | Group | Binding]", self.roles),
            cast("dict[str, Role | Group | Binding]", self.groups),
            cast("dict[str, Role | Group | Binding]", self.bindings),
        )
        for name in change.deleted:
            if name not in stored:
                raise NotFoundError(name)
        for name, etag in change.etags.items():
            if name in stored:
                require_etag(name, stored=stored[name].etag, given=etag)

    def with_role(self, role: Role) -> "AccessPolicy":
        """With a role added or changed; see ``changed``."""
        return self.changed(PolicyChange(roles=(role,)), now_ns=FOR_EVER_NS)

    def with_group(self, group: Group) -> "AccessPolicy":
        """With a group added or changed; see ``changed``."""
        return self.changed(PolicyChange(groups=(group,)), now_ns=FOR_EVER_NS)

    def with_binding(self, binding: Binding, *, now_ns: int) -> "AccessPolicy":
        """With a binding added or changed; see ``changed``."""
        return self.changed(PolicyChange(bindings=(binding,)), now_ns=now_ns)

    def without(self, name: str, etag: str = "", *, now_ns: int = FOR_EVER_NS) -> "AccessPolicy":
        """Without a role, group or binding; see ``changed``."""
        change = PolicyChange(deleted=(name,), etags={name: etag})
        return self.changed(change, now_ns=now_ns)

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

        The name of a built-in role is not taken, but refused by ``changed``.
        """
        if any(resource.name in taken for taken in (self.roles, self.groups, self.bindings)):
            raise AlreadyExistsError(resource.name)

    def _holders_of(self, member: str) -> list[str]:
        """The names of the bindings and groups that name a member."""
        bindings = [each.name for each in self.bindings.values() if member in each.members]
        return bindings + [each.name for each in self.groups.values() if member in each.members]


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


def _changed(
    stored: Mapping[str, Resource], put: Sequence[Resource], deleted: Sequence[str]
) -> Mapping[str, Resource]:
    """What is stored with a change; the very mapping that is given where nothing of it changes."""
    gone = stored.keys() & deleted if deleted else frozenset()
    if not put and not gone:
        return stored
    changed = {**stored, **{each.name: each for each in put}}
    for name in gone:
        del changed[name]
    return changed
