"""Whether the calls of a method may be answered by its direct handler."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from blrcs.domain.policy import MethodPolicy
from blrcs_native.calls.interfaces import Handler
from blrcs_native.calls.method import Method
from blrcs_native.direct.handler import DirectHandler
from blrcs_native.guards.guard import Guard

MakeDirect = Callable[[Sequence[Guard]], DirectHandler]
"""Makes a direct handler behind the guards that read the request."""

DirectHandlers = Mapping[Any, MakeDirect]
"""By the handlers that they answer beside, such as a servicer's bound method.

So whoever serves the same method in another way is never passed over.
"""


def direct_handler(
    makers: DirectHandlers,
    method: Method,
    policy: MethodPolicy,
    handler: Handler,
    guards: Sequence[Guard],
) -> DirectHandler | None:
    """The direct handler beside ``handler``; None where there is none that does all it must.

    A direct handler shows no message to what stands between guards and handler, nor to the audit
    log. So there is none where replies are kept or calls are audited, and none where guards read
    of the request what it does not.

    Args:
        makers: The direct handlers that there are.
        method: The method as it is bound.
        policy: What is in effect for it.
        handler: The innermost handler, without middleware.
        guards: Those that read the request, without validation: a direct handler declines whatever
            breaks a rule.
    """
    make = makers.get(handler) if isinstance(handler, Hashable) else None
    if make is None or method.kind != "unary":
        return None
    if policy.response_cache is not None or policy.idempotency_ttl_ns is not None:
        return None
    if policy.audit != "refusals":
        return None
    direct = make(guards)
    return direct if direct.fits_guards else None
