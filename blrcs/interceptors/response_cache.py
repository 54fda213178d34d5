"""Answers a method's calls from memory, where its policy allows."""

from typing import Any

from blrcs.domain.policy import MethodPolicy
from blrcs_native.cache.caches import TtlCache
from blrcs_native.calls.call import Call
from blrcs_native.calls.interfaces import Handler
from blrcs_native.calls.method import Method

MAX_ENTRIES = 10_000
MAX_BYTES = 64 * 1024 * 1024


def cache_responses(method: Method, policy: MethodPolicy, handler: Handler) -> Handler:
    """A handler that gives an equal request its last reply for as long as the policy says.

    Guards run before it, so a kept reply is given only to those who may call. Principals share
    replies only where the policy says so. Requests are equal by their fields: metadata is not
    looked at. Errors are not kept, nor replies with trailing metadata. A handler must not change
    a reply that it has given.

    Raises:
        ValueError: The method streams, or no proto describes it.
    """
    if policy.response_cache is None:
        return handler
    if method.kind != "unary":
        raise ValueError(f"{method.name} streams: its replies cannot be cached")
    if method.input_descriptor is None:
        raise ValueError(f"no proto describes {method.name}: its requests cannot be compared")
    shared = policy.response_cache.shared
    replies: TtlCache[tuple[str, bytes], Any] = TtlCache(
        MAX_ENTRIES,
        policy.response_cache.ttl_ns,
        max_bytes=MAX_BYTES,
        size_of=lambda key, reply: len(key[0]) + len(key[1]) + int(reply.ByteSize()),
    )

    async def cached(request: Any, call: Call) -> Any:
        principal = "" if shared or call.principal is None else call.principal.name
        key = (principal, request.SerializeToString(deterministic=True))
        reply = replies.get(key)
        if reply is None:
            reply = await handler(request, call)
            if call.status_code == 0 and not call.trailing_metadata():
                replies.set(key, reply)
        return reply

    return cached
