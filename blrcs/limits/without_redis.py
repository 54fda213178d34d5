"""What becomes of limits while the Redis that counts them is lost."""

from collections.abc import Callable, Sequence

from blrcs.domain.errors import UnavailableError
from blrcs.domain.limit_rule import Descriptor, OnLoss
from blrcs.domain.limit_status import LimitStatus, LimitVerdict
from blrcs.limits.limit_calls import Counted
from blrcs.limits.native_limits import NativeLimits


class WithoutRedis:
    """Answers as each rule's ``on_loss`` says.

    Args:
        local: Counts for this machine alone, by the same rules.
        on_loss: Told, for each answer, of each way that it was found in.
    """

    def __init__(self, local: NativeLimits, on_loss: Callable[[OnLoss], object]) -> None:
        self._local = local
        self._on_loss = on_loss

    async def consume(
        self,
        domain: str,
        descriptors: Sequence[Descriptor],
        counted: Sequence[Counted | None],
        cost: int,
        *,
        check_only: bool,
    ) -> LimitVerdict:
        """As the port says; UnavailableError where a rule is closed."""
        self._tell(counted)
        local = await self._local.consume(
            domain, _local(descriptors, counted), cost, check_only=check_only
        )
        return LimitVerdict(
            allowed=local.allowed,
            statuses=_joined(counted, local.statuses),
            retry_after_ns=local.retry_after_ns,
        )

    async def refund(
        self,
        domain: str,
        descriptors: Sequence[Descriptor],
        counted: Sequence[Counted | None],
        cost: int,
    ) -> Sequence[LimitStatus]:
        """Gives back what was counted here; UnavailableError where a rule is closed."""
        self._tell(counted)
        statuses = await self._local.refund(domain, _local(descriptors, counted), cost)
        return _joined(counted, statuses)

    async def peek(
        self, domain: str, descriptors: Sequence[Descriptor], counted: Sequence[Counted | None]
    ) -> Sequence[LimitStatus]:
        """How it stands here; UnavailableError where a rule is closed."""
        self._tell(counted)
        statuses = await self._local.peek(domain, _local(descriptors, counted))
        return _joined(counted, statuses)

    def _tell(self, counted: Sequence[Counted | None]) -> None:
        rules = [each.rule for each in counted if each is not None]
        if any(rule.on_loss == "closed" and not rule.shadow for rule in rules):
            self._on_loss("closed")
            raise limits_unavailable()
        for way in sorted({rule.on_loss for rule in rules}):
            self._on_loss(way)


def limits_unavailable() -> UnavailableError:
    """Nobody can tell what has been taken."""
    return UnavailableError("LIMITS_UNAVAILABLE", "limits cannot be counted now: try again")


def _local(
    descriptors: Sequence[Descriptor], counted: Sequence[Counted | None]
) -> list[Descriptor]:
    return [
        descriptor
        for descriptor, each in zip(descriptors, counted, strict=True)
        if each is not None and each.rule.on_loss == "local"
    ]


def _joined(
    counted: Sequence[Counted | None], statuses: Sequence[LimitStatus]
) -> list[LimitStatus]:
    """The statuses counted here, and between them those of what is let pass."""
    local = iter(statuses)
    return [_passing(each) if _passes(each) else next(local) for each in counted]


def _passes(counted: Counted | None) -> bool:
    return counted is None or counted.rule.on_loss != "local"


def _passing(counted: Counted | None) -> LimitStatus:
    if counted is None:
        return LimitStatus()
    rule = counted.rule
    return LimitStatus(rule=rule.name, limit=rule.limit, remaining=rule.limit, shadow=rule.shadow)
