"""The access policy in force, compiled."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from blrcs.application.ports.access import Explanation, Grant
from blrcs.application.ports.clock import Clock
from blrcs.database.adapter import Transaction
from blrcs.database.repositories.access import SqlAccessRepository, change_policy
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.condition.condition import Condition
from blrcs.domain.errors import FailedPreconditionError
from blrcs.security.condition_compiler import compile_condition
from blrcs_native import access as native
from blrcs_native.authorization_guard import CurrentAccess
from blrcs_native.condition import Condition as NativeCondition
from blrcs_native.generation import Generation

REASONS = {
    "granted": "a binding grants it",
    "invalid_principal": "the principal's name is not valid",
    "invalid_permission": "the permission's name is not valid",
    "invalid_resource": "the resource's name is not valid",
    "in_no_role": "no role has the permission",
    "expired": "the binding that granted it has expired",
    "elsewhere": "it is granted on other resources only",
    "unknown_role": "the bound role does not exist",
    "no_binding": "no binding grants it",
    "denied": "a binding denies it",
    "denied_by_error": "a binding denies it unless its condition is false, which cannot be told",
    "condition_false": "the condition of the binding that would grant it does not hold",
    "condition_error": "the condition of the binding that would grant it cannot be judged",
}

UNJUDGED = frozenset({"denied_by_error", "condition_error"})


class AccessStore:
    """Implements the AccessRules port, and keeps the guards' table up to date.

    Belongs to the event loop. A change is stored, then compiled, then in force; changes are made
    one after another by the database's one writer.

    Args:
        generation: Moves with every change that any process makes; None where there is one process.
        announce: Called after each change that is stored.
    """

    def __init__(
        self,
        repository: SqlAccessRepository,
        *,
        clock: Clock,
        generation: Generation | None = None,
        announce: Callable[[], None] = lambda: None,
    ) -> None:
        self._announce = announce
        self._repository = repository
        self._clock = clock
        self._policy = AccessPolicy()
        self._running: set[asyncio.Task[AccessPolicy]] = set()
        self._generation = generation
        self.current = CurrentAccess(self.compile(self._policy))
        if generation is not None:
            self.current.follow(generation, self._catch_up)

    @property
    def policy(self) -> AccessPolicy:
        """See the port."""
        if self._generation is not None and self._generation.moved():
            self._generation.catch_up(self._catch_up)
        return self._policy

    def load(self) -> None:
        """Puts what is stored into force."""
        self._adopt(self._repository.load())

    async def change(self, operation: Callable[[AccessPolicy], AccessPolicy]) -> AccessPolicy:
        """See the port."""
        task = asyncio.get_running_loop().create_task(self._change(operation))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def drop(self, transaction: Transaction, principal: str) -> Callable[[], None]:
        """See :class:`blrcs.database.grants.Grants`."""
        now_ns = self._clock()
        policy = await change_policy(
            transaction,
            lambda policy: policy.without_principal(principal, now_ns=now_ns),
            self.compile,
        )
        return lambda: self.put_in_force(policy)

    def put_in_force(self, policy: AccessPolicy) -> None:
        """Has the guards of all processes decide by a policy that has just been stored."""
        self._adopt(policy)
        if self._generation is not None:
            self._generation.bump()
        self._announce()

    async def follow(self) -> None:
        """Puts into force what another machine has stored."""
        policy = await self._repository.newer_than(self._policy.epoch)
        if policy is not None:
            self._adopt(policy)

    def _catch_up(self) -> None:
        if self._repository.epoch() > self._policy.epoch:
            self.load()

    def _adopt(self, policy: AccessPolicy) -> None:
        # Unless a later one is in force already.
        if policy.epoch >= self._policy.epoch:
            self._policy = policy
            self.current.replace(self.compile(policy))

    def compile(self, policy: AccessPolicy) -> native.AccessTable:
        """See :func:`compile_policy`."""
        return compile_policy(policy, self._clock)

    async def _change(self, operation: Callable[[AccessPolicy], AccessPolicy]) -> AccessPolicy:
        policy = await self._repository.change(operation, self.compile)
        self.put_in_force(policy)
        return policy

    def _ended(self, task: asyncio.Task[AccessPolicy]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # so that asyncio does not complain where the caller was cancelled


def compile_policy(policy: AccessPolicy, clock: Clock) -> native.AccessTable:
    """The policy as the guards want it; FailedPreconditionError for one that cannot be."""
    roles = (
        native.RoleSpec(role.name, role.permissions, role.included_roles)
        for role in policy.all_roles.values()
    )
    groups = (native.GroupSpec(group.name, group.members) for group in policy.groups.values())
    bindings = (
        native.BindingSpec(
            binding.name,
            binding.role,
            binding.members,
            binding.resource,
            binding.expire_time_ns,
            binding.denies,
            _compiled(binding.condition),
        )
        for binding in policy.bindings.values()
    )
    try:
        return native.AccessTable(roles, groups, bindings, clock=clock, epoch=policy.epoch)
    except native.AccessSpecError as error:
        raise FailedPreconditionError("ACCESS_POLICY_INVALID", str(error)) from None


def _compiled(condition: Condition | None) -> NativeCondition | None:
    return None if condition is None else compile_condition(condition.expression)


class TableDecisions:
    """Implements the AccessDecisions port by one compiled table."""

    def __init__(
        self, table: native.AccessTable, known_permissions: Callable[[], Iterable[str]]
    ) -> None:
        self._table = table
        self._known_permissions = known_permissions

    @property
    def epoch(self) -> int:
        """See the port."""
        return self._table.epoch

    def check(self, principal: str, permission: str, resource: str) -> bool:
        """See the port."""
        return self._table.check(principal, permission, resource)

    def depends_on_call(self, principal: str, permission: str, resource: str) -> bool:
        """See the port."""
        return self._table.explain(principal, permission, resource).reason in UNJUDGED

    def explain(self, principal: str, permission: str, resource: str) -> Explanation:
        """See the port."""
        explained = self._table.explain(principal, permission, resource)
        grants = [
            Grant(
                miss.binding,
                miss.role,
                miss.member,
                miss.resource,
                applies=False,
                reason=REASONS[miss.reason],
            )
            for miss in explained.near_misses
        ]
        if explained.binding is not None:
            deciding = Grant(
                explained.binding,
                explained.role or "",
                explained.member or "",
                explained.resource or "",
                applies=True,
                denies=not explained.allowed,
            )
            grants.insert(0, deciding)
        return Explanation(explained.allowed, REASONS[explained.reason], grants)

    def permissions(self, principal: str, resource: str) -> Sequence[str]:
        """See the port."""
        return sorted(self._table.permissions(principal, resource, self._known_permissions()))
