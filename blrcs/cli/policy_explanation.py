"""What each stage of a method's road would decide about a call, and why."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from blrcs.application.ports.access import Grant
from blrcs.cli.policy_network import network_verdict
from blrcs.cli.policy_text import limit_text, step_up_text
from blrcs.cli.policy_verdict import Decision, Verdict
from blrcs.cli.served_methods import ServedMethod
from blrcs.cli.stored_access import StoredAccess
from blrcs.config.duration import Duration
from blrcs.config.network import Network
from blrcs.domain.claim_mapping import may_name
from blrcs.domain.identity_name import is_account_name, is_workload_name
from blrcs.domain.policy import Limit, MethodPolicy, Permission
from blrcs.interceptors.validation import judge
from blrcs.security.access_store import TableDecisions
from blrcs_native.access.resource_template import ResourceTemplate
from blrcs_native.calls.rejection import Rejection

COUNTED = "counted in the running server"
CLAIMED = "groups that a token puts its subject in are not known here"
STATUS_DETAILS = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose call it is.

    Attributes:
        principal: Its name; empty for a call without a token.
        stored: What the data directory says of it; None for a call without a token.
        templates: By which ``auth.issuers`` name their subjects.
    """

    principal: str = ""
    stored: StoredAccess | None = None
    templates: tuple[str, ...] = ()

    @property
    def may_be_an_issuers(self) -> bool:
        """Whether a subject of some issuer may be called so."""
        return any(may_name(template, self.principal) for template in self.templates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked about a method.

    Attributes:
        caller: Who calls.
        request: What it sends, where known.
        resource: What the request names, where known without it.
        network: The server's rules about addresses.
        address: Where the call comes from, where known.
    """

    caller: Caller
    request: Message | None = None
    resource: str | None = None
    network: Network = field(default_factory=Network)
    address: str | None = None


def explain(method: ServedMethod, policy: MethodPolicy, question: Question) -> list[Verdict]:
    """The verdicts in the order of the road; later ones as if the earlier had let the call pass."""
    early = [limit for limit in policy.limits if limit.key != "principal"]
    late = [limit for limit in policy.limits if limit.key == "principal"]
    verdicts = [
        network_verdict(policy, question.network, question.address),
        _rate_limit("rate limit by address and method", early, policy, question.caller),
        _authentication(policy, question.caller),
        _rate_limit("rate limit by principal", late, policy, question.caller),
        _authorization(method, policy, question),
        *_step_up(policy),
        _validation(method, policy, question.request),
        _idempotency(policy),
        _response_cache(policy),
    ]
    if method.registration.client_streaming:
        each = [limit for limit in policy.limits if limit.per_message]
        verdicts.insert(4, _rate_limit("rate limit of each message", each, policy, question.caller))
    return verdicts


def outcome(verdicts: list[Verdict]) -> str:
    """What comes of the call, in one line."""
    for verdict in verdicts:
        if verdict.stops:
            return f"rejected with {verdict.code} by {verdict.stage}"
    depends = [
        verdict.stage
        for verdict in verdicts
        if verdict.decision == "depends" and not verdict.shadow
    ]
    return f"admitted, unless refused by {', '.join(depends)}" if depends else "admitted"


def _rate_limit(stage: str, limits: list[Limit], policy: MethodPolicy, caller: Caller) -> Verdict:
    if not limits:
        return Verdict(stage, "nothing to decide", ("no such limit",))
    reasons = [f"{limit_text(limit)}; {COUNTED}" for limit in limits]
    if any(limit.key == "principal" for limit in limits):
        counted = caller.principal if caller.principal and not policy.is_public else ""
        reasons.append(f"for {counted}" if counted else "by address: the call has no principal")
    return Verdict(stage, "depends", tuple(reasons), shadow="rate_limit" in policy.shadow)


def _authentication(policy: MethodPolicy, caller: Caller) -> Verdict:
    stage = "authentication"
    if policy.is_public:
        return Verdict(stage, "nothing to decide", ("public: no token is asked for",))
    shadow = stage in policy.shadow
    account = None if caller.stored is None else caller.stored.account
    if not caller.principal:
        reason = "the call has no token"
    elif is_workload_name(caller.principal):
        reason = f"a client certificate of {caller.principal}, where auth.mtls takes them"
        if caller.may_be_an_issuers:
            reason += ", or a token, where one of auth.issuers calls its subject so"
        return Verdict(stage, "admits", (reason,), shadow=shadow)
    elif account is None and caller.may_be_an_issuers:
        reason = f"a token of {caller.principal}, where one of auth.issuers calls its subject so"
        return Verdict(stage, "depends", (reason, CLAIMED), shadow=shadow)
    elif account is None and not is_account_name(caller.principal):
        reason = f"{caller.principal} is no account's name, and none of auth.issuers makes it"
    elif account is None:
        reason = f"no account {caller.principal} is stored, so that no token of it is valid"
    elif account.disabled:
        reason = f"{caller.principal} is disabled, and its tokens are refused"
    elif account.password_change_required and not policy.allow_password_change_required:
        reason = f"{caller.principal} must change its password first"
        return Verdict(stage, "rejects", (reason,), "FAILED_PRECONDITION", shadow)
    else:
        return Verdict(stage, "admits", (f"a valid token of {caller.principal}",), shadow=shadow)
    return Verdict(stage, "rejects", (reason,), "UNAUTHENTICATED", shadow)


def _authorization(method: ServedMethod, policy: MethodPolicy, question: Question) -> Verdict:
    stage = "authorization"
    access = policy.access
    if not isinstance(access, Permission):
        reason = "anyone may call" if policy.is_public else "whoever has a valid token may call"
        return Verdict(stage, "nothing to decide", (reason,))
    shadow = stage in policy.shadow
    decision: Decision = "rejects"
    caller = question.caller
    if caller.stored is None:
        reasons: tuple[str, ...] = (f"{access.name} is needed, and the call has no principal",)
    else:
        descriptor = method.registration.descriptor
        template = ResourceTemplate(
            access.resource, None if descriptor is None else descriptor.input_type
        )
        resource = question.resource
        if template.is_constant:
            resource = template.text
        elif question.request is not None:
            resource = template.render(question.request)
            if resource is None:
                reason = f"the request names no valid resource by {access.resource!r}"
                told = template.field_without_name(
                    question.request
                ) is not None and caller.stored.table.holds_anywhere(caller.principal, access.name)
                code = "INVALID_ARGUMENT" if told else "PERMISSION_DENIED"
                return Verdict(stage, "rejects", (reason,), code, shadow)
        if resource is None:
            decision, reasons = _anywhere(caller, caller.stored, access)
        else:
            decision, reasons = _on_resource(caller, caller.stored, access, resource)
    code = "PERMISSION_DENIED" if decision == "rejects" else ""
    return Verdict(stage, decision, reasons, code, shadow)


def _anywhere(
    caller: Caller, stored: StoredAccess, access: Permission
) -> tuple[Decision, tuple[str, ...]]:
    """As the guard decides before it has read the request."""
    decides = f"{access.name} is needed on {access.resource!r}, which the request fills in"
    if access.or_owner:
        return "depends", (f"{decides}; {caller.principal} needs none on its own resources",)
    if stored.table.holds_anywhere(caller.principal, access.name):
        return "depends", (f"{decides}; {caller.principal} holds it on some resource",)
    _, reasons = _on_resource(caller, stored, access, "")
    return "rejects", (f"{decides}; {caller.principal} holds it on none", *reasons[1:])


def _on_resource(
    caller: Caller, stored: StoredAccess, access: Permission, resource: str
) -> tuple[Decision, tuple[str, ...]]:
    place = _place(resource)
    decisions = TableDecisions(stored.table, tuple)
    question = (caller.principal, access.name, resource)
    explained = decisions.explain(*question)
    owned = access.or_owner and f"{resource}/".startswith(f"{caller.principal}/")
    if owned and not any(grant.denies for grant in explained.grants):
        return "admits", (f"{caller.principal} owns {place}",)
    decision: Decision = "admits" if explained.allowed else "rejects"
    if decisions.depends_on_call(*question):
        decision = "depends"
    reason = f"{access.name} on {place}: {explained.reason}"
    return decision, (reason, *map(_bearing, explained.grants))


def _bearing(grant: Grant) -> str:
    """A binding, what it does, and why it does not, where it does not."""
    does = (
        f"denies {grant.role} to {grant.member}"
        if grant.denies
        else f"gives {grant.role} to {grant.member}"
    )
    why = "" if grant.applies else f": {grant.reason}"
    return f"{grant.binding} {does} on {_place(grant.resource)}{why}"


def _step_up(policy: MethodPolicy) -> Iterator[Verdict]:
    if policy.step_up is not None:
        reason = f"the token has to stand for a sign-in: {step_up_text(policy.step_up)}"
        yield Verdict("step-up", "depends", (reason,), shadow="authentication" in policy.shadow)


def _place(resource: str) -> str:
    return resource or "the root"


def _validation(method: ServedMethod, policy: MethodPolicy, request: Message | None) -> Verdict:
    stage = "validation"
    if not method.is_validated or method.pipeline is None:
        return Verdict(stage, "nothing to decide", ("no rule applies to the request",))
    shadow = stage in policy.shadow
    if request is None:
        reason = "the rules of buf.validate on the request's fields"
        return Verdict(stage, "depends", (reason,), shadow=shadow)
    rejection = judge(request)
    if rejection is None:
        return Verdict(stage, "admits", ("the request breaks no rule",), shadow=shadow)
    return Verdict(stage, "rejects", tuple(_violations(rejection)), rejection.code_name, shadow)


def _violations(rejection: Rejection) -> Iterator[str]:
    status = status_pb2.Status.FromString(dict(cast(Any, rejection.trailers))[STATUS_DETAILS])
    for detail in status.details:
        found = error_details_pb2.BadRequest()
        if detail.Unpack(found):
            for each in found.field_violations:
                yield f"{each.field}: {each.description}" if each.field else each.description


def _idempotency(policy: MethodPolicy) -> Verdict:
    if policy.idempotency_ttl_ns is None:
        return Verdict("idempotency", "nothing to decide", ("idempotency keys are not kept",))
    ttl = Duration(policy.idempotency_ttl_ns)
    reason = f"a call with an idempotency-key of the last {ttl} gets the first one's reply"
    return Verdict("idempotency", "admits", (reason,))


def _response_cache(policy: MethodPolicy) -> Verdict:
    cache = policy.response_cache
    if cache is None:
        return Verdict("response cache", "nothing to decide", ("replies are not kept",))
    whose = "any principal" if cache.shared else "the same principal"
    reason = f"an equal request of {whose} within {Duration(cache.ttl_ns)} gets the same reply"
    return Verdict("response cache", "admits", (reason,))
