"""Puts the stages of a method's calls together, once, when the method is bound."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from blrcs.domain.policy import MethodPolicy, Permission
from blrcs.interceptors.audit import Audit
from blrcs.interceptors.audit_sink import AuditSink
from blrcs.interceptors.authentication import (
    CheckProof,
    authentication_guards,
    certificate_guards,
    challenged_schemes,
)
from blrcs.interceptors.authorization import AuthorizationGuards, authorization_guards
from blrcs.interceptors.direct import DirectHandlers, direct_handler
from blrcs.interceptors.error_mapping import error_rejection
from blrcs.interceptors.idempotency import repeat_replies
from blrcs.interceptors.network import network_guards
from blrcs.interceptors.overload import method_load
from blrcs.interceptors.proto_policy import PolicyError
from blrcs.interceptors.rate_limit import rate_limit_guards
from blrcs.interceptors.response_cache import cache_responses
from blrcs.interceptors.shared_proofs import SharedProofGuard, SpendProof
from blrcs.interceptors.step_up import step_up_guards
from blrcs.interceptors.validation import validation_guards
from blrcs.interceptors.watch_places import WatchPlaces
from blrcs.monitoring.audit_lines import AuditLines
from blrcs_native.addresses.network import CurrentNetwork
from blrcs_native.calls.interfaces import Handler
from blrcs_native.calls.method import Method
from blrcs_native.calls.pipeline import Pipeline
from blrcs_native.direct.handler import DirectHandler
from blrcs_native.guards.authorization import CurrentAccess
from blrcs_native.guards.certificate import CertificatePrincipals
from blrcs_native.guards.guard import Guard
from blrcs_native.limits.limiter import Limiter
from blrcs_native.load.overload import Overload
from blrcs_native.tokens.verifier import TokenVerifier

Middleware = Callable[[Method, Handler], Handler]
"""Wraps a handler, once, when its method is bound."""


@dataclass(frozen=True, slots=True)
class PipelineFactory:
    """Binds methods to pipelines.

    Args:
        limiter: Counts for the rate limits.
        verifier: Verifies tokens. Without it only public methods can be bound.
        access: Decides on permissions. Without it no method that needs one can be bound.
        middleware: Around every handler, the first one outermost, within the built-in ones.
        guards: After the built-in ones that need only metadata.
        observers: Told of every call.
        direct: Answer calls beside the handlers that they are given by; see ``direct_handler``.
        audit: Where records go; by default lines of the log.
        overload: Bounds what runs at once; without it nothing does.
        watches: Bounds those calls that last as long as their callers want; likewise.
        innermost: Middleware right around each handler, which direct handlers have no need of.
        certificates: Whose the client certificates are; None where only tokens say who calls.
        certificate_required: Callers whose certificate is nobody's are refused.
        check_proof: Checks what tokens that are bound to keys need; without it they are refused.
        spend_proof: Has other machines know of such a proof; None where there are none.
        network: Which addresses are served; None for all that the policies of methods serve.
    """

    limiter: Limiter
    verifier: TokenVerifier | None = None
    access: CurrentAccess | None = None
    middleware: Sequence[Middleware] = ()
    guards: Sequence[Guard] = ()
    observers: Sequence[object] = field(default=())
    direct: DirectHandlers = field(default_factory=dict)
    innermost: Middleware | None = None
    audit: AuditSink = field(default_factory=AuditLines)
    certificates: CertificatePrincipals | None = None
    certificate_required: bool = False
    check_proof: CheckProof | None = None
    spend_proof: SpendProof | None = None
    network: CurrentNetwork | None = None
    overload: Overload | None = None
    watches: WatchPlaces | None = None

    def bind(self, method: Method, handler: Handler) -> Pipeline:
        """The pipeline of a method, whose ``policy`` is a MethodPolicy.

        Raises:
            PolicyError: There is no policy, or it cannot be carried out.
        """
        policy = method.policy
        if not isinstance(policy, MethodPolicy):
            raise PolicyError(
                f"{method.name} states no policy: set (blrcs.v1.policy) on it, or state one in the"
                " configuration under policies"
            )
        limits = rate_limit_guards(method, policy, self.limiter)
        authentication = self._authentication(method, policy)
        authorization = self._authorization(method, policy)
        audit = Audit(method, policy, self.audit, self.access)
        return Pipeline(
            method,
            audit.bind(self._wrap(method, policy, handler)),
            guards=(
                *network_guards(method, policy, self.network),
                *limits.before_authentication,
                *authentication,
                *limits.after_authentication,
                *authorization.head,
                *self._step_up(method, policy),
                *self.guards,
            ),
            body_guards=(
                *limits.per_message,
                *authorization.body,
                *validation_guards(method, policy),
            ),
            observers=(*self.observers, audit),
            direct=self.direct_handler(
                method, policy, handler, (*limits.per_message, *authorization.body)
            ),
            load=method_load(self.overload, method, policy),
            map_error=error_rejection,
        )

    def direct_handler(
        self,
        method: Method,
        policy: MethodPolicy,
        handler: Handler,
        guards: Sequence[Guard],
    ) -> DirectHandler | None:
        """The direct handler beside a handler, behind guards that read the request; if any.

        What others put around the handler, or before it, may ask for the request.
        """
        if self.middleware or self.guards:
            return None
        return direct_handler(self.direct, method, policy, handler, guards)

    def _authentication(self, method: Method, policy: MethodPolicy) -> tuple[Guard, ...]:
        if policy.is_public:
            return ()
        if self.verifier is None:
            raise PolicyError(f"{method.name} asks for a token, and there is no verifier")
        guards = authentication_guards(policy, self.verifier, self.check_proof)
        if self.spend_proof is not None:
            shadow = "authentication" in policy.shadow
            guards = (*guards, SharedProofGuard(self.spend_proof, shadow=shadow))
        return certificate_guards(
            guards,
            self.certificates,
            required=self.certificate_required,
            demanded=policy.token_binding,
        )

    def _authorization(self, method: Method, policy: MethodPolicy) -> AuthorizationGuards:
        if not isinstance(policy.access, Permission):
            return AuthorizationGuards()
        if self.access is None:
            raise PolicyError(f"{method.name} asks for a permission, and there is no access table")
        return authorization_guards(method, policy, self.access)

    def _step_up(self, method: Method, policy: MethodPolicy) -> tuple[Guard, ...]:
        if policy.step_up is not None and policy.is_public:
            raise PolicyError(f"{method.name} is public, and demands a step-up")
        schemes = challenged_schemes(policy, takes_proofs=self.check_proof is not None)
        return step_up_guards(policy, schemes)

    def _wrap(self, method: Method, policy: MethodPolicy, handler: Handler) -> Handler:
        if self.innermost is not None:
            handler = self.innermost(method, handler)
        for middleware in reversed(self.middleware):
            handler = middleware(method, handler)
        if policy.watch and not method.server_streaming:
            raise PolicyError(f"{method.name} is a watch, and its reply does not stream")
        if policy.watch and self.watches is not None:
            handler = self.watches.around(handler)
        try:
            handler = cache_responses(method, policy, handler)
            handler = repeat_replies(method, policy, handler)
        except ValueError as error:
            raise PolicyError(str(error)) from None
        return handler
