"""Limits that several machines count together, in Redis."""

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence

from blrcs.domain.limit_rule import Descriptor, LimitEntry, LimitRule, OnLoss
from blrcs.domain.limit_status import LimitStatus, LimitVerdict
from blrcs.limits.cell import cell_key
from blrcs.limits.leases import Leases
from blrcs.limits.limit_calls import Answer, Claim, Counted, LimitCall, Operation
from blrcs.limits.limit_queue import LimitQueue, RedisLostError, RunsScripts
from blrcs.limits.native_limits import NativeLimits, native_index, native_rule
from blrcs.limits.redis_rule import RedisRule, compile_rule
from blrcs.limits.rule_index import RuleIndex
from blrcs.limits.without_redis import WithoutRedis, limits_unavailable
from blrcs_native.limits import index as limit_index
from blrcs_native.limits.limiter import NEVER_NS
from blrcs_native.shared.generation import Generation

PROBE = "probe"
PROBE_PERIOD_NS = 1_000_000
PROBE_REQUESTS = 1_000_000_000


class RedisLimits:
    """Implements the Limits port. Belongs to the event loop.

    Decides as NativeLimits does, by the clock of the server, in microseconds. While Redis is lost,
    each rule's ``on_loss`` says what happens; methods raise UnavailableError where it is closed.

    Args:
        redis: Counts.
        local: Counts while that is lost, by the same rules.
        key_prefix: What the names of all keys in Redis begin with.
        timeout_s: How long a decision waits for Redis.
        retry_s: How often a Redis that is lost is looked for.
        on_loss: Told of each answer without Redis, and how it was found.
        clock_us: For tests: the time to count by, instead of the server's.
        monotonic_ns: The system's monotonic clock.

    Attributes:
        current: The same rules with the shares at hand, for native handlers.
    """

    def __init__(
        self,
        redis: RunsScripts,
        local: NativeLimits,
        *,
        key_prefix: str,
        timeout_s: float,
        retry_s: float,
        on_loss: Callable[[OnLoss], object],
        clock_us: Callable[[], int] | None = None,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._redis = redis
        self._local = local
        self._without = WithoutRedis(local, on_loss)
        self._key_prefix = key_prefix
        self._timeout_s = timeout_s
        self._retry_s = retry_s
        self._clock_us = clock_us
        self._rules: dict[LimitRule, RedisRule] = {}
        self._has_leases = False
        self._index: RuleIndex[RedisRule] = RuleIndex([])
        self._queues: dict[str, LimitQueue] = {}
        self._leases = Leases(monotonic_ns)
        self.current = limit_index.CurrentLimits(local.current.limiter)

    def follow(self, generation: Generation, load_anew: Callable[[], object]) -> None:
        """See NativeLimits."""
        self._local.follow(generation, load_anew)
        self.current.follow(generation, load_anew)

    def catch_up(self) -> None:
        """See NativeLimits."""
        self._local.catch_up()

    def replace_rules(self, rules: Iterable[LimitRule]) -> None:
        """See NativeLimits."""
        stated = list(rules)
        self._local.replace_rules(stated)
        # Rules that stay keep their shares.
        self._rules = {
            rule: self._rules.get(rule) or compile_rule(rule, key_prefix=self._key_prefix)
            for rule in stated
        }
        self._index = RuleIndex((rule.domain, rule.match, self._rules[rule]) for rule in stated)
        self._has_leases = any(rule.lease for rule in self._rules.values())
        self.current.replace(
            native_index(
                (rule.domain, rule.match, native_rule(rule, shares=self._rules[rule].shares))
                for rule in stated
            )
        )

    async def consume(
        self, domain: str, descriptors: Sequence[Descriptor], cost: int, *, check_only: bool
    ) -> LimitVerdict:
        """See the port."""
        counted = self._counted(domain, descriptors)
        costs = _costs(counted, cost)
        if not costs:
            return LimitVerdict(allowed=True, statuses=[LimitStatus() for _ in counted])
        try:
            answer = await self._decide(self._queue(domain), costs, check_only=check_only)
        except RedisLostError:
            return await self._without.consume(
                domain, descriptors, counted, cost, check_only=check_only
            )
        never = answer.retry_after_ns == NEVER_NS
        return LimitVerdict(
            allowed=answer.allowed,
            statuses=_statuses(counted, costs, answer),
            retry_after_ns=None if answer.allowed or never else answer.retry_after_ns,
        )

    async def refund(
        self, domain: str, descriptors: Sequence[Descriptor], cost: int
    ) -> Sequence[LimitStatus]:
        """See the port."""
        counted = self._counted(domain, descriptors)
        costs = _costs(counted, cost)
        for each in costs:
            self._leases.look_anew(each)
        try:
            answer = await self._ask(domain, Operation.REFUND, costs)
        except RedisLostError:
            return await self._without.refund(domain, descriptors, counted, cost)
        return self._standing_of(counted, costs, answer)

    async def peek(self, domain: str, descriptors: Sequence[Descriptor]) -> Sequence[LimitStatus]:
        """See the port."""
        counted = self._counted(domain, descriptors)
        cells = _costs(counted, 0)
        try:
            answer = await self._ask(domain, Operation.PEEK, cells)
        except RedisLostError:
            return await self._without.peek(domain, descriptors, counted)
        return self._standing_of(counted, cells, answer)

    async def reset(self, domain: str, descriptors: Sequence[Descriptor]) -> None:
        """See the port; UnavailableError while Redis is lost."""
        counted = self._counted(domain, descriptors)
        cells = _costs(counted, 0)
        for each in cells:
            self._leases.drop(each)
        try:
            await self._ask(domain, Operation.RESET, cells)
        except RedisLostError:
            raise limits_unavailable() from None

    def sweep(self) -> None:
        """Gives up shares that nobody uses. To be called regularly."""
        self._leases.sweep(set(self._rules.values()))

    async def close(self) -> None:
        """Gives back what was drawn and not spent, and ends what is under way."""
        await self._leases.close()
        for queue in self._queues.values():
            await queue.close()

    def _counted(self, domain: str, descriptors: Sequence[Descriptor]) -> list[Counted | None]:
        self.catch_up()
        find = self._index.find
        return [
            None
            if (rule := find(domain, descriptor)) is None
            else Counted(rule, cell_key(descriptor))
            for descriptor in descriptors
        ]

    def _queue(self, domain: str) -> LimitQueue:
        queue = self._queues.get(domain)
        if queue is None:
            queue = self._queues[domain] = LimitQueue(
                self._redis,
                _probe(domain, self._key_prefix),
                timeout_s=self._timeout_s,
                retry_s=self._retry_s,
                clock_us=self._clock_us,
            )
        return queue

    def _decide(
        self, queue: LimitQueue, costs: dict[Counted, int], *, check_only: bool
    ) -> Awaitable[Answer]:
        if self._has_leases and any(costs.values()) and any(each.rule.lease for each in costs):
            if check_only:
                return self._leases.check(queue, costs)
            return self._leases.consume(queue, costs)
        operation = Operation.CHECK if check_only else Operation.CONSUME
        return queue.ask(LimitCall(operation, _claims(costs)))

    async def _ask(self, domain: str, operation: Operation, costs: dict[Counted, int]) -> Answer:
        if not costs:
            return Answer(allowed=True, retry_after_ns=0, standings=())
        return await self._queue(domain).ask(LimitCall(operation, _claims(costs)))

    def _standing_of(
        self, counted: Sequence[Counted | None], cells: Iterable[Counted], answer: Answer
    ) -> list[LimitStatus]:
        mine = {each: self._leases.at_hand(each) for each in cells}
        return _statuses(counted, cells, answer, mine)


def _costs(counted: Sequence[Counted | None], cost: int) -> dict[Counted, int]:
    """What is wanted of each cell: descriptors of one cell add up."""
    costs: dict[Counted, int] = {}
    for each in counted:
        if each is not None:
            costs[each] = costs.get(each, 0) + cost
    return costs


def _claims(costs: dict[Counted, int]) -> list[Claim]:
    return [Claim(counted, cost) for counted, cost in costs.items()]


def _probe(domain: str, key_prefix: str) -> LimitCall:
    """Takes from a cell of its own, which is gone at once, in the domain's slot."""
    rule = LimitRule(
        id=PROBE,
        domain=domain,
        match=(LimitEntry(PROBE),),
        requests=PROBE_REQUESTS,
        period_ns=PROBE_PERIOD_NS,
    )
    counted = Counted(compile_rule(rule, key_prefix=key_prefix), b"")
    return LimitCall(Operation.CONSUME, [Claim(counted, 1)])


def _statuses(
    counted: Sequence[Counted | None],
    cells: Iterable[Counted],
    answer: Answer,
    beside: dict[Counted, int] | None = None,
) -> list[LimitStatus]:
    standings = dict(zip(cells, answer.standings, strict=True))
    more = beside or {}
    return [
        LimitStatus()
        if each is None
        else LimitStatus(
            each.rule.name,
            not standings[each].refused,
            each.rule.limit,
            standings[each].remaining + more.get(each, 0),
            standings[each].reset_after_ns,
            each.rule.shadow,
        )
        for each in counted
    ]
