"""Gives a repeated call the first one's reply (the ``idempotency-key`` metadata)."""

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Any

from blrcs.domain.errors import FailedPreconditionError, InvalidArgumentError
from blrcs.domain.policy import MethodPolicy
from blrcs_native.cache import TtlCache
from blrcs_native.call import Call
from blrcs_native.interfaces import Handler
from blrcs_native.method import Method

HEADER = "idempotency-key"
MAX_KEY_LENGTH = 255
MAX_ENTRIES = 100_000
MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Attempt:
    """The first call of a key: what it asked, and the reply to come."""

    request_hash: bytes
    reply: asyncio.Future[Any]


def repeat_replies(method: Method, policy: MethodPolicy, handler: Handler) -> Handler:
    """A handler that runs once for each idempotency key of a principal, and repeats its reply.

    Calls with the same key wait for the first one. Its reply is kept in memory for as long as the
    policy says, and forgotten with the process; where it failed, the next call runs anew. The same
    key with another request is refused with FAILED_PRECONDITION.

    Raises:
        ValueError: The method streams.
    """
    if policy.idempotency_ttl_ns is None:
        return handler
    if method.kind != "unary":
        raise ValueError(f"{method.name} streams: its calls have no idempotency keys")
    attempts: TtlCache[tuple[str, str], _Attempt] = TtlCache(
        MAX_ENTRIES, policy.idempotency_ttl_ns, max_bytes=MAX_BYTES
    )

    async def once(request: Any, call: Call) -> Any:
        key = _key(call)
        if key is None:
            return await handler(request, call)
        body = request.SerializeToString(deterministic=True)
        request_hash = hashlib.sha256(body).digest()
        owner = ("" if call.principal is None else call.principal.name, key)
        first = attempts.get(owner)
        if first is not None:
            if first.request_hash != request_hash:
                raise FailedPreconditionError(
                    "IDEMPOTENCY_KEY_REUSED", "the idempotency key was used for another request"
                )
            return await asyncio.shield(first.reply)
        attempt = _Attempt(request_hash, asyncio.get_running_loop().create_future())
        attempts.set(owner, attempt, size_bytes=len(body))
        try:
            reply = await handler(request, call)
        except BaseException as error:
            attempts.delete(owner)
            if isinstance(error, Exception):
                attempt.reply.set_exception(error)
                attempt.reply.exception()  # nobody need wait for it
            else:
                attempt.reply.cancel()
            raise
        attempt.reply.set_result(reply)
        return reply

    return once


def _key(call: Call) -> str | None:
    for name, value in call.metadata:
        if name == HEADER:
            if not isinstance(value, str) or not 0 < len(value) <= MAX_KEY_LENGTH:
                raise InvalidArgumentError(HEADER, f"has 1 to {MAX_KEY_LENGTH} characters")
            return value
    return None
