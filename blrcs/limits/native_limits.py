"""Limits counted by the native limiter."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from blrcs.domain.limit_rule import Descriptor, LimitRule
from blrcs.domain.limit_status import LimitStatus, LimitVerdict
from blrcs.limits.cell import cell_key, rule_identity
from blrcs.limits.rule_index import RuleIndex
from blrcs_native.limits import index as limit_index
from blrcs_native.limits.limiter import NEVER_NS, Decision, Limiter, Rule
from blrcs_native.limits.share import Share
from blrcs_native.shared.generation import Generation


@dataclass(frozen=True, slots=True)
class _Counted:
    """A descriptor that a rule applies to: the cell that it is counted in."""

    compiled: limit_index.LimitRule
    key: bytes


class NativeLimits:
    """Implements the Limits port. Belongs to the event loop; nothing here waits.

    Attributes:
        current: The same rules and limiter, for native handlers.
    """

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self._index: RuleIndex[limit_index.LimitRule] = RuleIndex([])
        self.current = limit_index.CurrentLimits(limiter)

    def follow(self, generation: Generation, load_anew: Callable[[], object]) -> None:
        """Has ``load_anew`` replace the rules before they are looked at after they have changed."""
        self.current.follow(generation, load_anew)

    def catch_up(self) -> None:
        """Takes in what other processes have changed."""
        _ = self.current.index

    def replace_rules(self, rules: Iterable[LimitRule]) -> None:
        """Puts other rules into effect; of two with the same match the later counts.

        A rule that is still there goes on counting; one that changed counts afresh, shadow apart.
        """
        native = [(rule.domain, rule.match, native_rule(rule)) for rule in rules]
        self._index = RuleIndex(native)
        self.current.replace(native_index(native))

    async def consume(
        self, domain: str, descriptors: Sequence[Descriptor], cost: int, *, check_only: bool
    ) -> LimitVerdict:
        """See the port."""
        counted = self._counted(domain, descriptors)
        costs = Counter[_Counted]()
        for each in counted:
            if each is not None:
                costs[each] += cost
        refused = {each for each, total in costs.items() if not self._peek(each, total).allowed}
        waits = [
            self._peek(each, costs[each]).retry_after_ns
            for each in refused
            if not each.compiled.shadow
        ]
        if not waits and not check_only and cost:
            refusal = self._take(costs)
            if refusal is not None:
                refused.add(refusal[0])
                waits.append(refusal[1])
        return LimitVerdict(
            allowed=not waits,
            statuses=[self._status(each, refused=each in refused) for each in counted],
            retry_after_ns=None if not waits or max(waits) == NEVER_NS else max(waits),
        )

    async def refund(
        self, domain: str, descriptors: Sequence[Descriptor], cost: int
    ) -> Sequence[LimitStatus]:
        """See the port."""
        counted = self._counted(domain, descriptors)
        for each in counted:
            if each is not None:
                self._limiter.refund(each.compiled.rule, each.key, cost)
        return [self._status(each) for each in counted]

    async def peek(self, domain: str, descriptors: Sequence[Descriptor]) -> Sequence[LimitStatus]:
        """See the port."""
        return [self._status(each) for each in self._counted(domain, descriptors)]

    async def reset(self, domain: str, descriptors: Sequence[Descriptor]) -> None:
        """See the port."""
        for each in self._counted(domain, descriptors):
            if each is not None:
                self._limiter.reset(each.compiled.rule, each.key)

    def _counted(self, domain: str, descriptors: Sequence[Descriptor]) -> list[_Counted | None]:
        self.catch_up()
        found = [self._index.find(domain, descriptor) for descriptor in descriptors]
        return [
            None if compiled is None else _Counted(compiled, cell_key(descriptor))
            for compiled, descriptor in zip(found, descriptors, strict=True)
        ]

    def _take(self, costs: Counter[_Counted]) -> tuple[_Counted, int] | None:
        """Takes from all; where another process was faster from none, and who refuses how long."""
        binding = [each for each in costs if not each.compiled.shadow]
        if binding:
            taken = self._limiter.consume_all(
                [(each.compiled.rule, each.key, costs[each]) for each in binding]
            )
            if not taken.allowed:
                return binding[taken.index], taken.retry_after_ns
        for each, total in costs.items():
            if each.compiled.shadow:
                self._limiter.consume(each.compiled.rule, each.key, total)
        return None

    def _peek(self, counted: _Counted, cost: int) -> Decision:
        return self._limiter.peek(counted.compiled.rule, counted.key, cost)

    def _status(self, counted: _Counted | None, *, refused: bool = False) -> LimitStatus:
        if counted is None:
            return LimitStatus()
        now = self._peek(counted, 0)
        return LimitStatus(
            rule=counted.compiled.name,
            allowed=not refused,
            limit=now.limit,
            remaining=now.remaining,
            reset_after_ns=now.reset_after_ns,
            shadow=counted.compiled.shadow,
        )


def native_rule(
    rule: LimitRule, *, shares: dict[bytes, Share] | None = None
) -> limit_index.LimitRule:
    """The native form of a rule; with ``shares``, of one that is counted elsewhere."""
    native = Rule(
        rule.algorithm,
        rule.requests,
        rule.period_ns,
        identity=rule_identity(rule),
        burst=rule.burst,
    )
    return limit_index.LimitRule(rule.name, native, shadow=rule.shadow, shares=shares)


def native_index(
    rules: Iterable[tuple[str, Descriptor, limit_index.LimitRule]],
) -> limit_index.LimitIndex:
    """The native form of an index of rules, by domain and match."""
    return limit_index.LimitIndex(
        (domain, [(entry.key, entry.value) for entry in match], rule)
        for domain, match, rule in rules
    )
