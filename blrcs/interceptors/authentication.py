"""Who calls: the guard of every method that is not public."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from blrcs.domain.policy import BindingDemand, MethodPolicy
from blrcs.interceptors.peer_certificate import certificate_thumbprint
from blrcs.interceptors.proto_policy import PolicyError
from blrcs.interceptors.statuses import rejection, retry_info, retry_trailers
from blrcs_native.calls.call import Call
from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards import authentication as native
from blrcs_native.guards.certificate import CertificateGuard, CertificatePrincipals
from blrcs_native.guards.guard import Guard
from blrcs_native.tokens import binding as token_binding
from blrcs_native.tokens.refusal import REFUSALS
from blrcs_native.tokens.verifier import TokenVerifier

NOT_VERIFIED = "TOKEN_NOT_VERIFIED"
ISSUER_UNKNOWN = "TOKEN_ISSUER_UNKNOWN"
TYPE_UNACCEPTED = "TOKEN_TYPE_UNACCEPTED"
BEARER, DPOP = "Bearer", "DPoP"


def _unauthenticated(reason: str, message: str, asked: str = BEARER) -> Rejection:
    return rejection(
        "UNAUTHENTICATED",
        "authentication",
        reason,
        message,
        trailers=(("www-authenticate", asked),),
    )


def _stranger(told: Rejection) -> Rejection:
    """As ``told`` to the caller; the log says that its issuer is unknown (not verified)."""
    return Rejection(told.code, told.stage, ISSUER_UNKNOWN, told.message, told.trailers)


def challenge(schemes: Sequence[str], error: str = "", **fields: str) -> str:
    """What ``www-authenticate`` says to who may send a token by some schemes.

    As RFC 6750 has it in section 3, and RFC 9449 in 7.1, or in 7.2 for both schemes.

    Args:
        schemes: Of these, in their order.
        error: What is wrong with the token; empty where none was shown.
        fields: What else each scheme says.
    """
    told = ({"error": error} if error else {}) | fields
    algorithms = {"algs": " ".join(token_binding.PROOF_ALGORITHMS)}
    return ", ".join(_scheme(each, told | algorithms if each == DPOP else told) for each in schemes)


def _scheme(name: str, fields: Mapping[str, str]) -> str:
    listed = ", ".join(f'{each}="{value}"' for each, value in fields.items())
    return f"{name} {listed}" if listed else name


def _not_verified(retry_after_ms: int | None) -> Rejection:
    """Says nothing against the token: whoever has a good one must not throw it away."""
    return rejection(
        "RESOURCE_EXHAUSTED",
        "authentication",
        NOT_VERIFIED,
        REFUSALS[NOT_VERIFIED].description,
        details=() if retry_after_ms is None else (retry_info(retry_after_ms),),
        trailers=() if retry_after_ms is None else retry_trailers(retry_after_ms),
    )


BINDING_REJECTIONS = {
    token_binding.CERTIFICATE: _unauthenticated(
        token_binding.CERTIFICATE,
        "the token is bound to another client certificate",
        challenge((BEARER,), "invalid_token"),
    ),
    token_binding.PROOF_MISSING: _unauthenticated(
        token_binding.PROOF_MISSING,
        "the token is bound to a key: send it as DPoP TOKEN with a proof",
        challenge((DPOP,), "invalid_token"),
    ),
    token_binding.PROOF_INVALID: _unauthenticated(
        token_binding.PROOF_INVALID,
        "the proof in dpop is not valid for this call, or was used before",
        challenge((DPOP,), "invalid_dpop_proof"),
    ),
}
"""What these say goes by the token's own binding, whatever else the method takes."""

MESSAGES = {
    (BEARER,): (
        "sign in and send Bearer TOKEN",
        "Bearer TOKEN",
        "a token is needed that is bound to its caller",
    ),
    (DPOP,): (
        "sign in with a proof and send DPoP TOKEN",
        "DPoP TOKEN",
        "a token is needed that is bound to a key",
    ),
    (BEARER, DPOP): (
        "sign in with a certificate or a proof and send Bearer TOKEN or DPoP TOKEN",
        "Bearer TOKEN or DPoP TOKEN",
        "a token is needed that is bound to its caller",
    ),
}


@cache
def _rejections(schemes: tuple[str, ...]) -> Mapping[str, Rejection]:
    """Those of methods whose callers are challenged for tokens by some schemes."""
    how, form, unbound = MESSAGES[schemes]
    asked, wrong = challenge(schemes), challenge(schemes, "invalid_token")
    refused = {
        reason: _unauthenticated(reason, refusal.description, wrong)
        for reason, refusal in REFUSALS.items()
    }
    return {
        native.MISSING: _unauthenticated(
            native.MISSING, f"the metadata has no authorization: {how}", asked
        ),
        native.AMBIGUOUS: _unauthenticated(
            native.AMBIGUOUS, "the metadata has more than one authorization", asked
        ),
        native.SCHEME: _unauthenticated(
            native.SCHEME, f"authorization is not of the form {form}", asked
        ),
        native.PASSWORD_CHANGE: rejection(
            "FAILED_PRECONDITION",
            "authentication",
            native.PASSWORD_CHANGE,
            "the password must be changed first, by UserService.ChangePassword",
        ),
        **BINDING_REJECTIONS,
        token_binding.UNBOUND: _unauthenticated(token_binding.UNBOUND, unbound, wrong),
        **refused,
        ISSUER_UNKNOWN: _stranger(refused[TYPE_UNACCEPTED]),
        NOT_VERIFIED: _not_verified(None),
    }


REJECTIONS = _rejections((BEARER,))


NOBODY = _unauthenticated(
    "CERTIFICATE_UNKNOWN", "the client certificate is not that of a principal"
)


def certificate_guards(
    guards: tuple[Guard, ...],
    certificates: CertificatePrincipals | None,
    *,
    required: bool,
    demanded: BindingDemand | None = None,
) -> tuple[Guard, ...]:
    """The guards, the first behind what takes the principal of a certificate without a token.

    Args:
        guards: The one of tokens, and what else is asked about any principal; none for a public
            method.
        certificates: Whose certificates are; None where they are nobody's.
        required: Callers whose certificate is nobody's are refused, whatever their token.
        demanded: What the policy wants tokens to be bound to. A certificate is bound to its own
            key, and to no other.
    """
    if certificates is None or not guards:
        return guards
    tokens, *others = guards
    nobody = NOBODY if required else None
    only_tokens = demanded == "dpop"
    return (CertificateGuard(certificates, tokens, nobody, only_tokens=only_tokens), *others)


CheckProof = Callable[[Call, str, str], bool]
"""Whether a call carries a good proof of the key with a thumbprint, for a token."""

DEMANDED: dict[BindingDemand | None, tuple[str, ...]] = {
    None: (),
    "any": token_binding.BINDINGS,
    "mtls": ("certificate",),
    "dpop": ("proof",),
}


def challenged_schemes(policy: MethodPolicy, *, takes_proofs: bool) -> tuple[str, ...]:
    """The schemes of tokens that a method's callers are asked for.

    Only who has to bind its token is told of proofs.
    """
    bindings = DEMANDED[policy.token_binding]
    if "proof" not in bindings or not takes_proofs:
        return (BEARER,)
    return (BEARER, DPOP) if "certificate" in bindings else (DPOP,)


def authentication_guards(
    policy: MethodPolicy, verifier: TokenVerifier, check_proof: CheckProof | None = None
) -> tuple[Guard, ...]:
    """The guard that a policy asks for; none for a public method, whatever token comes with it.

    Without ``check_proof`` tokens that are bound to keys are refused.

    Raises:
        PolicyError: The policy asks for such tokens alone all the same.
    """
    if policy.is_public:
        return ()
    demanded = DEMANDED[policy.token_binding]
    if demanded == ("proof",) and check_proof is None:
        raise PolicyError("its token_binding is dpop, and auth.proof_origins names no origin")
    failures = verifier.failures
    schemes = challenged_schemes(policy, takes_proofs=check_proof is not None)
    rejections = dict(_rejections(schemes))
    if failures is not None:
        rejections[NOT_VERIFIED] = _not_verified(failures.retry_after_ms)
    return (
        native.AuthenticationGuard(
            verifier,
            rejections,
            binding=token_binding.BindingRules(
                rejections,
                demanded=demanded,
                certificate_of=certificate_thumbprint,
                check_proof=check_proof,
            ),
            allow_password_change_required=policy.allow_password_change_required,
            shadow="authentication" in policy.shadow,
        ),
    )
