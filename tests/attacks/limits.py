"""Who makes limit rules, and takes from them."""

from typing import Any

import grpc

from blrcs.v1 import limit_pb2, limit_pb2_grpc
from tests.attacks.world import World
from tests.e2e.workers import TIMEOUT_S

CONSUME = "/blrcs.v1.LimitService/Consume"
DAY_S = 86_400
LONGEST_S = 366 * DAY_S
"""Of so long a period nothing comes back within a test."""


class Limits:
    """One domain, as its administrator sees it over a channel."""

    def __init__(self, world: World, domain: str, channel: grpc.Channel | None = None) -> None:
        self._stub = limit_pb2_grpc.LimitServiceStub(channel or world.channel)
        self._call: dict[str, Any] = {"metadata": world.admin, "timeout": TIMEOUT_S}
        self._domain = domain

    def rule(
        self,
        name: str,
        requests: int,
        period_s: int = LONGEST_S,
        *,
        algorithm: str = "fixed_window",
        **fields: Any,
    ) -> None:
        """Limits all values of the key that is its name."""
        rule = limit_pb2.LimitRule(
            domain=self._domain,
            match=[{"key": name}],
            requests=requests,
            period={"seconds": period_s},
            algorithm=f"LIMIT_ALGORITHM_{algorithm.upper()}",
            **fields,
        )
        request = limit_pb2.CreateLimitRuleRequest(limit_rule=rule)
        self._stub.CreateLimitRule(request, **self._call)

    def request(
        self, *cells: tuple[str, str], cost: int | None = None, check_only: bool = False
    ) -> limit_pb2.ConsumeRequest:
        return limit_pb2.ConsumeRequest(
            domain=self._domain, descriptors=descriptors(cells), cost=cost, check_only=check_only
        )

    def consume(self, *cells: tuple[str, str], **asked: Any) -> limit_pb2.ConsumeResponse:
        return self._stub.Consume(self.request(*cells, **asked), **self._call)

    def refund(self, cell: tuple[str, str], cost: int) -> limit_pb2.LimitStatus:
        request = limit_pb2.RefundRequest(
            domain=self._domain, descriptors=descriptors([cell]), cost=cost
        )
        (status,) = self._stub.Refund(request, **self._call).statuses
        return status

    def remaining(self, *cells: tuple[str, str]) -> list[int]:
        request = limit_pb2.PeekRequest(domain=self._domain, descriptors=descriptors(cells))
        return [each.remaining for each in self._stub.Peek(request, **self._call).statuses]


def descriptors(cells: Any) -> list[limit_pb2.LimitDescriptor]:
    """One for each key and value."""
    return [
        limit_pb2.LimitDescriptor(entries=[limit_pb2.LimitEntry(key=key, value=value)])
        for key, value in cells
    ]
