"""Who calls, as use cases want to know it."""

from blrcs.domain.authentication import ACR, AuthenticationLevel
from blrcs_native.call import Call

LEVELS = {acr: level for level, acr in ACR.items()}


def caller_name(call: Call) -> str:
    """The principal's name; empty for a call without one."""
    return call.principal.name if call.principal is not None else ""


def caller_session(call: Call) -> str:
    """The session that the caller's token belongs to; empty where there is none."""
    return call.principal.session if call.principal is not None else ""


def caller_level(call: Call) -> AuthenticationLevel:
    """How well the caller has proven who it is, as its token says (``acr``)."""
    claims = call.principal.claims if call.principal is not None else None
    acr = None if claims is None else claims.members.get("acr")
    known = LEVELS.get(acr) if isinstance(acr, str) else None
    return known or AuthenticationLevel.UNSPECIFIED
