"""What callers are told where there is more to do than can be done."""

from collections.abc import Mapping, Sequence

from blrcs.domain.policy import MethodPolicy
from blrcs.interceptors.statuses import rejection, retry_info, retry_trailers
from blrcs_native.calls.method import Method
from blrcs_native.calls.rejection import Rejection
from blrcs_native.load.overload import REFUSAL_NAMES, MethodLoad, Overload

STAGE = "overload"
BUSY = "the server has too much to do: try again"

# Callers come again at different times. Powers of about 1.2, so that all are equally frequent.
RETRY_MS = (100, 120, 145, 175, 210, 250, 300, 360)


def method_load(
    overload: Overload | None, method: Method, policy: MethodPolicy
) -> MethodLoad | None:
    """The part of a method in what bounds the calls that run."""
    if overload is None:
        return None
    return overload.method(method.name, policy.priority, is_unary=method.kind == "unary")


def overload_rejections() -> Sequence[Sequence[Rejection]]:
    """What each refusal of an Overload says, in the order of its ``REFUSAL_NAMES``.

    The server's own state is UNAVAILABLE, which clients try again, here or elsewhere; a caller's
    share is RESOURCE_EXHAUSTED, which they do not unless told to. What would come too late is
    DEADLINE_EXCEEDED, as it would be without being refused.
    """
    by_refusal: Mapping[str, Sequence[Rejection]] = {
        "limit": _later("UNAVAILABLE", "OVERLOADED", BUSY),
        "wait": _later("UNAVAILABLE", "WAITED_TOO_LONG", BUSY),
        "deadline": [
            rejection(
                "DEADLINE_EXCEEDED",
                STAGE,
                "DEADLINE_TOO_NEAR",
                "the server has much to do, and the reply would come after the deadline",
            )
        ],
        "caller": _later(
            "RESOURCE_EXHAUSTED", "TOO_MANY_OWN_CALLS", "too many calls of this caller run at once"
        ),
    }
    return [by_refusal[name] for name in REFUSAL_NAMES]


def _later(code: str, reason: str, message: str) -> Sequence[Rejection]:
    return [
        rejection(
            code,
            STAGE,
            reason,
            message,
            details=(retry_info(wait_ms),),
            trailers=retry_trailers(wait_ms),
        )
        for wait_ms in RETRY_MS
    ]
