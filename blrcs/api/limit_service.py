"""LimitService: rate limits for whoever asks. What needs no use case is asked of the port."""

from google.protobuf.empty_pb2 import Empty

from blrcs.api.limit_messages import descriptors_in, rule_fields, rule_message, status_messages
from blrcs.api.times import to_duration
from blrcs.application.limit_rules.create_limit_rule import CreateLimitRule
from blrcs.application.limit_rules.get_limit_rule import GetLimitRule
from blrcs.application.limit_rules.list_limit_rules import ListLimitRules
from blrcs.application.limit_rules.update_limit_rule import UpdateLimitRule
from blrcs.application.page import PageRequest
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator
from blrcs.application.ports.limits import LimitRules, Limits
from blrcs.application.ports.page_tokens import PageTokens
from blrcs.domain.limit_rule import limit_rule_id_in
from blrcs.v1 import limit_pb2, limit_pb2_grpc
from blrcs_native.calls.call import Call


class LimitService(limit_pb2_grpc.LimitServiceServicer):
    """Serves blrcs.v1.LimitService; the contract of each method stands in limit.proto."""

    def __init__(
        self,
        *,
        limits: Limits,
        rules: LimitRules,
        secrets: SecretGenerator,
        page_tokens: PageTokens,
        clock: Clock,
    ) -> None:
        self._limits = limits
        self._rules = rules
        self._create = CreateLimitRule(rules=rules, secrets=secrets, clock=clock)
        self._get = GetLimitRule(rules=rules)
        self._list = ListLimitRules(rules=rules, page_tokens=page_tokens)
        self._update = UpdateLimitRule(rules=rules, clock=clock)

    async def Consume(
        self, request: limit_pb2.ConsumeRequest, call: Call
    ) -> limit_pb2.ConsumeResponse:
        """A refusal is an answer, not an error."""
        verdict = await self._limits.consume(
            request.domain,
            descriptors_in(request.descriptors),
            request.cost if request.HasField("cost") else 1,
            check_only=request.check_only,
        )
        wait_ns = verdict.retry_after_ns
        return limit_pb2.ConsumeResponse(
            allowed=verdict.allowed,
            statuses=status_messages(verdict.statuses),
            retry_after=None if wait_ns is None else to_duration(wait_ns),
        )

    async def Refund(
        self, request: limit_pb2.RefundRequest, call: Call
    ) -> limit_pb2.RefundResponse:
        """Never gives more than was taken."""
        cost = request.cost if request.HasField("cost") else 1
        statuses = await self._limits.refund(
            request.domain, descriptors_in(request.descriptors), cost
        )
        return limit_pb2.RefundResponse(statuses=status_messages(statuses))

    async def Peek(self, request: limit_pb2.PeekRequest, call: Call) -> limit_pb2.PeekResponse:
        """Takes nothing."""
        statuses = await self._limits.peek(request.domain, descriptors_in(request.descriptors))
        return limit_pb2.PeekResponse(statuses=status_messages(statuses))

    async def Reset(self, request: limit_pb2.ResetRequest, call: Call) -> limit_pb2.ResetResponse:
        """Forgets what was taken."""
        await self._limits.reset(request.domain, descriptors_in(request.descriptors))
        return limit_pb2.ResetResponse()

    async def CreateLimitRule(
        self, request: limit_pb2.CreateLimitRuleRequest, call: Call
    ) -> limit_pb2.LimitRule:
        """In effect when it returns."""
        rule = await self._create(request.limit_rule_id, rule_fields(request.limit_rule))
        return rule_message(rule)

    async def GetLimitRule(
        self, request: limit_pb2.GetLimitRuleRequest, call: Call
    ) -> limit_pb2.LimitRule:
        """Rules of the configuration too."""
        return rule_message(await self._get(limit_rule_id_in(request.name)))

    async def ListLimitRules(
        self, request: limit_pb2.ListLimitRulesRequest, call: Call
    ) -> limit_pb2.ListLimitRulesResponse:
        """Rules of the configuration too."""
        page = await self._list(PageRequest(request.page_size, request.page_token))
        return limit_pb2.ListLimitRulesResponse(
            limit_rules=map(rule_message, page.items), next_page_token=page.next_page_token
        )

    async def UpdateLimitRule(
        self, request: limit_pb2.UpdateLimitRuleRequest, call: Call
    ) -> limit_pb2.LimitRule:
        """In effect when it returns."""
        rule = await self._update(
            limit_rule_id_in(request.limit_rule.name, field="limit_rule.name"),
            rule_fields(request.limit_rule),
            mask=request.update_mask.paths,
            etag=request.limit_rule.etag,
        )
        return rule_message(rule)

    async def DeleteLimitRule(self, request: limit_pb2.DeleteLimitRuleRequest, call: Call) -> Empty:
        """In effect when it returns."""
        await self._rules.delete(limit_rule_id_in(request.name), etag=request.etag)
        return Empty()
