"""Who calls, as use cases want to know it."""

from blrcs.application.auth.exchange_token import Actor
from blrcs.application.ports.credentials import Asker
from blrcs.domain.authentication import ACR, AuthenticationLevel
from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.token_limits import TokenBinding, actors_in
from blrcs_native.calls.call import Call

LEVELS = {acr: level for level, acr in ACR.items()}


def caller_name(call: Call) -> str:
    """The principal's name; empty for a call without one."""
    return call.principal.name if call.principal is not None else ""


def caller_session(call: Call) -> str:
    """The session that the caller's token belongs to; empty where there is none."""
    return call.principal.session if call.principal is not None else ""


def own_session(call: Call) -> str:
    """That session, for who may end it or prove something in it.

    Raises:
        FailedPreconditionError: The token is good for a part of what its subject may do alone.
    """
    if is_narrowed(call):
        raise FailedPreconditionError(
            "TOKEN_NARROWED",
            "a token that was exchanged stands for no session: use the one that it was got for",
        )
    return caller_session(call)


def caller_level(call: Call) -> AuthenticationLevel:
    """How well the caller has proven who it is, as its token says (``acr``)."""
    claims = call.principal.claims if call.principal is not None else None
    acr = None if claims is None else claims.members.get("acr")
    known = LEVELS.get(acr) if isinstance(acr, str) else None
    return known or AuthenticationLevel.UNSPECIFIED


def is_narrowed(call: Call) -> bool:
    """Whether the caller's token is good for less than the principal's own."""
    claims = None if call.principal is None else call.principal.claims
    return claims is not None and (claims.permitted is not None or claims.actor is not None)


def asker_of(call: Call) -> Asker:
    """The caller, as one who asks about a token."""
    return Asker(caller_name(call), call.peer_address)


def actor_of(call: Call) -> Actor:
    """The caller, as one who is to act for somebody."""
    claims = None if call.principal is None else call.principal.claims
    if claims is None:
        return Actor(name=caller_name(call), session_id="", address=call.peer_address)
    binding = None
    if claims.certificate_thumbprint is not None:
        binding = TokenBinding("certificate", claims.certificate_thumbprint)
    elif claims.key_thumbprint is not None:
        binding = TokenBinding("proof", claims.key_thumbprint)
    return Actor(
        name=caller_name(call),
        session_id=caller_session(call),
        address=call.peer_address,
        is_foreign=claims.is_foreign,
        binding=binding,
        actors=() if claims.actor is None else tuple(actors_in(claims.members)),
        actor_sessions=claims.actor_sessions,
        expire_time_ns=claims.expires_at_ns if is_narrowed(call) else None,
    )
