"""The access policy in force, compiled."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from blrcs.application.ports.access import Explanation, Grant
from blrcs.application.ports.clock import Clock
from blrcs.database.adapter import Transaction
from blrcs.database.repositories.access import SqlAccessRepository, change_policy, load_policy
from blrcs.database.repositories.administrators import keep_other_administrator
from blrcs.domain.access_policy import AccessPolicy
from blrcs.security.compiled_policy import CompiledPolicy, compile_policy
from blrcs_native.access import table as native
from blrcs_native.guards.authorization import CurrentAccess
from blrcs_native.shared.generation import Generation

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

    Belongs to the event loop. A change is compiled, then stored, then in force, whole; what it does
    not concern is neither read nor compiled again. Changes are made one after another by the
    database's one writer.

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
        self._compiled = compile_policy(AccessPolicy(), clock)
        self._running: set[asyncio.Task[AccessPolicy]] = set()
        self._generation = generation
        self.current = CurrentAccess(self._compiled.table)
        if generation is not None:
            self.current.follow(generation, self._catch_up)

    @property
    def policy(self) -> AccessPolicy:
        """See the port."""
        if self._generation is not None and self._generation.moved():
            self._generation.catch_up(self._catch_up)
        return self._compiled.policy

    def load(self) -> None:
        """Puts what is stored into force."""
        policy = self._repository.load(self._compiled.policy)
        if policy is not self._compiled.policy:
            self._adopt(self.compile(policy))

    async def change(self, operation: Callable[[AccessPolicy], AccessPolicy]) -> AccessPolicy:
        """See the port."""
        task = asyncio.get_running_loop().create_task(self._change(operation))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def keep_other_administrator(self, transaction: Transaction, user: str) -> None:
        """See :class:`blrcs.database.grants.Grants`."""
        policy = await load_policy(transaction, self._compiled.policy)
        await keep_other_administrator(transaction, policy, user, self._clock())

    async def require_administrator(self, before: AccessPolicy, after: AccessPolicy) -> None:
        """Raises FailedPreconditionError where such a change would leave no administrator."""
        await self._repository.require_administrator(before, after, self._clock())

    async def drop(self, transaction: Transaction, principal: str) -> Callable[[], None]:
        """See :class:`blrcs.database.grants.Grants`."""
        now_ns = self._clock()
        since = self._compiled
        made = _Made(self)
        policy = await change_policy(
            transaction,
            lambda policy: policy.without_principal(principal, now_ns=now_ns),
            made.compile,
            since.policy,
            now_ns=now_ns,
        )
        return lambda: self._put_in_force(made.of(policy), since)

    async def follow(self) -> None:
        """Puts into force what another machine has stored."""
        while True:
            since = self._compiled
            policy = await self._repository.other_than(since.policy)
            if policy is None:
                return
            compiled = await asyncio.to_thread(self.compile, policy)
            # What was adopted meanwhile may be newer than what was read.
            if self._compiled is since:
                self._adopt(compiled)
                return

    def compile(self, policy: AccessPolicy) -> CompiledPolicy:
        """See :func:`compile_policy`."""
        return compile_policy(policy, self._clock, since=self._compiled)

    def _catch_up(self) -> None:
        if not self._repository.stores(self._compiled.policy):
            self.load()

    def _put_in_force(self, compiled: CompiledPolicy, since: CompiledPolicy) -> None:
        """Has the guards of all processes decide by a policy that has just been stored.

        ``since`` was in force before the transaction that stored it.
        """
        in_force = self._compiled
        if in_force is since or compiled.policy.epoch > in_force.policy.epoch:
            self._adopt(compiled)
        if self._generation is not None:
            self._generation.bump()
        self._announce()
        if in_force is not since:
            # What was adopted meanwhile is an earlier one, or a later one, or the database was put
            # back before or after: it tells itself.
            self.load()

    def _adopt(self, compiled: CompiledPolicy) -> None:
        self._compiled = compiled
        self.current.replace(compiled.table)

    async def _change(self, operation: Callable[[AccessPolicy], AccessPolicy]) -> AccessPolicy:
        since = self._compiled
        made = _Made(self)
        policy = await self._repository.change(
            operation, made.compile, since.policy, now_ns=self._clock()
        )
        self._put_in_force(made.of(policy), since)
        return policy

    def _ended(self, task: asyncio.Task[AccessPolicy]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # so that asyncio does not complain where the caller was cancelled


class _Made:
    """What a change was compiled to before it was stored, however often that was tried."""

    def __init__(self, store: AccessStore) -> None:
        self._store = store
        self._compiled: CompiledPolicy | None = None

    def compile(self, policy: AccessPolicy) -> None:
        """Raises FailedPreconditionError for a policy that cannot be."""
        self._compiled = self._store.compile(policy)

    def of(self, policy: AccessPolicy) -> CompiledPolicy:
        """That of the policy that was stored; of one that was found, if nothing had to change."""
        if self._compiled is not None and self._compiled.policy is policy:
            return self._compiled
        return self._store.compile(policy)


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
