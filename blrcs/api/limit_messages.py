"""Limits as messages."""

from collections.abc import Iterable

from blrcs.api.times import from_duration, to_duration, to_timestamp
from blrcs.application.limit_rules.limit_rule_fields import LimitRuleFields
from blrcs.domain.limit_rule import Descriptor, LimitEntry, LimitMode, LimitRule, OnLoss
from blrcs.domain.limit_status import LimitStatus
from blrcs.domain.policy import NS_PER_S, Algorithm
from blrcs.v1 import limit_pb2, policy_pb2

ALGORITHMS: dict[Algorithm, policy_pb2.LimitAlgorithm] = {
    "gcra": policy_pb2.LIMIT_ALGORITHM_GCRA,
    "fixed_window": policy_pb2.LIMIT_ALGORITHM_FIXED_WINDOW,
    "sliding_window": policy_pb2.LIMIT_ALGORITHM_SLIDING_WINDOW,
    "concurrency": policy_pb2.LIMIT_ALGORITHM_CONCURRENCY,
}
MODES: dict[LimitMode, limit_pb2.LimitMode] = {
    "exact": limit_pb2.LIMIT_MODE_EXACT,
    "leased": limit_pb2.LIMIT_MODE_LEASED,
}
LOSSES: dict[OnLoss, limit_pb2.LimitLoss] = {
    "open": limit_pb2.LIMIT_LOSS_OPEN,
    "closed": limit_pb2.LIMIT_LOSS_CLOSED,
    "local": limit_pb2.LIMIT_LOSS_LOCAL,
}
MODE_NAMES = {number: name for name, number in MODES.items()}
LOSS_NAMES = {number: name for name, number in LOSSES.items()}
ALGORITHM_NAMES = {number: name for name, number in ALGORITHMS.items()}


def descriptors_in(messages: Iterable[limit_pb2.LimitDescriptor]) -> list[Descriptor]:
    """The descriptors of a request."""
    return [_entries(message.entries) for message in messages]


def status_messages(statuses: Iterable[LimitStatus]) -> list[limit_pb2.LimitStatus]:
    """Statuses as messages, in their order."""
    return [
        limit_pb2.LimitStatus(
            rule=status.rule,
            allowed=status.allowed,
            limit=status.limit,
            remaining=min(status.remaining, 2**32 - 1),
            reset_after=to_duration(status.reset_after_ns),
            shadow=status.shadow,
        )
        for status in statuses
    ]


def rule_fields(message: limit_pb2.LimitRule) -> LimitRuleFields:
    """What a caller sets of a rule."""
    has_period = message.HasField("period")
    return LimitRuleFields(
        domain=message.domain,
        match=_entries(message.match),
        requests=message.requests,
        period_ns=(from_duration(message.period, "limit_rule.period") if has_period else NS_PER_S),
        burst=message.burst or None,
        algorithm=ALGORITHM_NAMES.get(message.algorithm, "gcra"),
        shadow=message.shadow,
        mode=MODE_NAMES.get(message.mode, "exact"),
        on_loss=LOSS_NAMES.get(message.on_loss, "local"),
    )


def rule_message(rule: LimitRule) -> limit_pb2.LimitRule:
    """A rule as its message."""
    message = limit_pb2.LimitRule(
        name=rule.name,
        domain=rule.domain,
        match=[limit_pb2.LimitEntry(key=entry.key, value=entry.value) for entry in rule.match],
        requests=rule.requests,
        period=to_duration(rule.period_ns),
        burst=rule.burst or 0,
        algorithm=ALGORITHMS[rule.algorithm],
        shadow=rule.shadow,
        mode=MODES[rule.mode],
        on_loss=LOSSES[rule.on_loss],
        etag=rule.etag,
    )
    if rule.configured:
        message.source = limit_pb2.LIMIT_RULE_SOURCE_CONFIGURATION
        return message
    message.source = limit_pb2.LIMIT_RULE_SOURCE_RPC
    message.create_time.CopyFrom(to_timestamp(rule.create_time_ns))
    message.update_time.CopyFrom(to_timestamp(rule.update_time_ns))
    return message


def _entries(messages: Iterable[limit_pb2.LimitEntry]) -> Descriptor:
    return tuple(LimitEntry(message.key, message.value) for message in messages)
