"""How well, and how lately, the caller must have proven who it is (RFC 9470)."""

from blrcs.domain.authentication import ACR
from blrcs.domain.policy import NS_PER_S, MethodPolicy, StepUp
from blrcs.interceptors.authentication import challenge
from blrcs.interceptors.statuses import rejection
from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards.guard import Guard
from blrcs_native.guards.step_up import StepUpGuard

REASON = "STEP_UP_REQUIRED"
MESSAGE = (
    "a better or fresher proof of who calls is needed: AuthService.StepUp gives who has signed in "
    "a token of it, and no token that was exchanged has one"
)


def step_up_guards(policy: MethodPolicy, schemes: tuple[str, ...]) -> tuple[Guard, ...]:
    """The guard that a policy asks for, if any; ``schemes`` are those of its challenge."""
    if policy.step_up is None:
        return ()
    return (
        StepUpGuard(
            step_up_rejection(policy.step_up, schemes),
            acr_values=acr_values(policy.step_up),
            max_age_ns=policy.step_up.max_age_ns,
            shadow="authentication" in policy.shadow,
        ),
    )


def acr_values(step_up: StepUp) -> tuple[str, ...]:
    """The values of ``acr`` that will do, the least first; none where any will."""
    if not step_up.level:
        return ()
    return tuple(acr for level, acr in sorted(ACR.items()) if level >= step_up.level)


def step_up_rejection(step_up: StepUp, schemes: tuple[str, ...]) -> Rejection:
    """Says what is demanded, for programs in the metadata and as section 3 of RFC 9470 has it."""
    demanded = {}
    if step_up.level:
        demanded["acr_values"] = " ".join(acr_values(step_up))
    if step_up.max_age_ns is not None:
        demanded["max_age"] = str(step_up.max_age_ns // NS_PER_S)
    return rejection(
        "UNAUTHENTICATED",
        "authentication",
        REASON,
        MESSAGE,
        metadata=demanded,
        trailers=(
            (
                "www-authenticate",
                challenge(schemes, "insufficient_user_authentication", **demanded),
            ),
        ),
    )
